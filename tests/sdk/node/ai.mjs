// The application built upon the AI SDK: every way in which it asks, for whichever provider package.

import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

// Warnings are part of what was seen; they are not printed besides.
globalThis.AI_SDK_LOG_WARNINGS = false;

const ASK = [{ role: "user", content: "Say h\u00e9llo." }];
const PERSON = z.object({ name: z.string(), born: z.number().int(), tags: z.array(z.string()) });
const TOOLS = {
  weather: tool({ description: "d", inputSchema: z.object({ city: z.string(), days: z.number().int() }) }),
  clock: tool({ inputSchema: z.object({ zone: z.string().optional() }) }),
};
const UNUSUAL = {
  temperature: 0.3,
  topP: 0.9,
  seed: 7,
  stopSequences: ["\n\n", "END"],
  system: "be br\u00efef",
  headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
};

// What was seen, as plain data.

/** What was raised. After several attempts that is a wrapper about the last one's. */
export function raised(error) {
  if (error.lastError) return { class: error.name, attempts: error.errors.length, last: raised(error.lastError) };
  // An error event in a stream is handed out as what its body says, without an exception around it.
  const body = error instanceof Error ? error.data : error;
  const inner = body?.error ?? body;
  return {
    class: error.name ?? null,
    status: error.statusCode ?? null,
    message: inner?.message ?? null,
    type: inner?.type ?? null,
    param: inner?.param ?? null,
    code: inner?.code ?? null,
    retryable: error.isRetryable ?? null,
    has_request_id: Boolean(error.responseHeaders?.["x-request-id"]),
  };
}

/** An answer without an id gets a random one from the SDK. */
const idOf = ({ id }) => (id.startsWith("aitxt-") ? "made up" : id);

const usage = ({ raw, ...numbers }) => numbers;

const answered = (result) => ({
  id: idOf(result.response),
  model: result.response.modelId,
  text: result.text,
  reasoning: result.reasoning.map(({ text, providerMetadata }) => [text, providerMetadata ?? null]),
  calls: result.toolCalls.map((call) => [call.toolCallId, call.toolName, call.input]),
  finish: [result.finishReason, result.rawFinishReason],
  usage: usage(result.usage),
  warnings: result.warnings ?? [],
});

/** Adds parts of a stream up: kinds, pieces of text, what was put together, and errors, which come as parts. */
async function addUp(result, seen) {
  Object.assign(seen, { kinds: {}, pieces: [], reasoning: "", inputs: "", calls: [] });
  for await (const part of result.fullStream) {
    seen.kinds[part.type] = (seen.kinds[part.type] ?? 0) + 1;
    if (part.type === "text-delta") seen.pieces.push(part.text);
    if (part.type === "reasoning-delta") seen.reasoning += part.text;
    if (part.type === "tool-input-delta") seen.inputs += part.delta;
    if (part.type === "tool-call") seen.calls.push([part.toolCallId, part.toolName, part.input]);
    if (part.type === "error") seen.error = raised(part.error);
    if (part.type === "finish-step") Object.assign(seen, { id: idOf(part.response), model: part.response.modelId });
    if (part.type === "finish") Object.assign(seen, { finish: part.finishReason, usage: usage(part.totalUsage) });
  }
}

// The calls. A client is a function from a model's name to the SDK's model. One package needs a bound.

const ask = (client, model) => ({ model: client(model), messages: ASK, maxOutputTokens: 100 });

async function whole(client, model, seen, fields = {}) {
  Object.assign(seen, answered(await generateText({ ...ask(client, model), ...fields })));
}

// Errors are told as parts; without a handler they are printed besides.
const stream = (client, model, fields) =>
  streamText({ ...ask(client, model), onError: () => {}, ...fields });

const streamed = (client, model, seen, fields = {}) => addUp(stream(client, model, fields), seen);

async function structured(client, model, seen) {
  const result = await generateText({ ...ask(client, model), output: Output.object({ schema: PERSON }) });
  Object.assign(seen, answered(result), { output: result.output });
}

async function structuredStreamed(client, model, seen) {
  const result = stream(client, model, { output: Output.object({ schema: PERSON }) });
  seen.partial = [];
  for await (const partial of result.partialOutputStream) seen.partial.push(partial);
  seen.output = await result.output;
}

const working = (seen) => {
  seen.inputs = [];
  const execute = (name) => (input) => {
    seen.inputs.push([name, input]);
    return `${name}: fine`;
  };
  const tools = Object.fromEntries(
    Object.entries(TOOLS).map(([name, known]) => [name, tool({ ...known, execute: execute(name) })]),
  );
  return { tools, stopWhen: stepCountIs(3) };
};

async function toolLoop(client, model, seen) {
  const result = await generateText({ ...ask(client, model), ...working(seen) });
  Object.assign(seen, answered(result), { steps: result.steps.length });
}

async function toolLoopStreamed(client, model, seen) {
  const result = stream(client, model, working(seen));
  seen.text = await result.text;
  seen.steps = (await result.steps).map((step) => step.content.map((part) => part.type));
}

async function wholeAfterTools(client, model, seen) {
  const call = { toolCallId: "call_clock", toolName: "clock" };
  const messages = [
    ...ASK,
    { role: "assistant", content: [{ type: "tool-call", ...call, input: {} }] },
    { role: "tool", content: [{ type: "tool-result", ...call, output: { type: "text", value: "12:00" } }] },
  ];
  await whole(client, model, seen, { messages, tools: TOOLS });
}

async function longPrompt(client, model, seen) {
  const bytes = Buffer.from("\x89PNG\r\n\x1a\n".repeat(40_000), "latin1");
  const image = { type: "image", image: bytes, mediaType: "image/png" };
  const words = { type: "text", text: 'what is this? \u00e4 \u{1f600} \\ "quoted"\t'.repeat(1000) };
  await whole(client, model, seen, { messages: [{ role: "user", content: [words, image] }] });
}

async function leftEarly(client, model, seen) {
  const controller = new AbortController();
  for await (const text of stream(client, model, { abortSignal: controller.signal }).textStream) {
    seen.first ??= text;
    controller.abort();
  }
}

export const calls = {
  whole,
  streamed,
  "whole with tools": (client, model, seen) => whole(client, model, seen, { tools: TOOLS }),
  "streamed with tools": (client, model, seen) => streamed(client, model, seen, { tools: TOOLS }),
  "whole after tools": wholeAfterTools,
  structured,
  "structured streamed": structuredStreamed,
  "tool loop": toolLoop,
  "tool loop streamed": toolLoopStreamed,
  "unusual fields": (client, model, seen) => whole(client, model, seen, UNUSUAL),
  "unusual fields streamed": (client, model, seen) => streamed(client, model, seen, UNUSUAL),
  "long prompt": longPrompt,
  impatient: (client, model, seen) => whole(client, model, seen, { abortSignal: AbortSignal.timeout(5000) }),
  "impatient streamed": (client, model, seen) =>
    streamed(client, model, seen, { abortSignal: AbortSignal.timeout(5000) }),
  once: (client, model, seen) => whole(client, model, seen, { maxRetries: 0 }),
  "left early": leftEarly,
};
