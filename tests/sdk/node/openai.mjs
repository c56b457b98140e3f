// The application: every way in which it uses the OpenAI SDK of Node, the counterpart of `chat_calls.py`.

import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { kindOf, otherFields } from "./seen.mjs";

const ASK = [{ role: "user", content: "Say h\u00e9llo." }];
const WEATHER = z.object({ city: z.string(), days: z.number().int() });
const CLOCK = z.object({ zone: z.string() });
const TOOLS = [
  zodFunction({ name: "weather", parameters: WEATHER }),
  zodFunction({ name: "clock", parameters: CLOCK }),
];
const PERSON = z.object({ name: z.string(), born: z.number().int(), tags: z.array(z.string()) });
const UNUSUAL = {
  seed: 7,
  temperature: 0.3,
  stop: ["\n\n", "END"],
  logit_bias: { 50256: -100 },
  metadata: { team: "w\u00f6rld" },
  x_vendor: { small: 1e-7, list: [null, true] },
};
const USAGE = { stream_options: { include_usage: true } };

export const client = (url, key, options) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, ...options });

// What was seen, as plain data.

const COMPLETION = ["id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"];
const MESSAGE = ["role", "content", "refusal", "tool_calls", "function_call", "annotations", "audio", "parsed"];

const called = (call) => [call.id, call.type, call.function.name, call.function.arguments];

const completed = (completion) => ({
  id: completion.id,
  model: completion.model,
  fingerprint: completion.system_fingerprint ?? null,
  usage: completion.usage ?? null,
  extras: otherFields(completion, COMPLETION.concat("_request_id")),
  choices: completion.choices.map((choice) => ({
    index: choice.index,
    finish: choice.finish_reason,
    role: choice.message.role,
    content: choice.message.content,
    refusal: choice.message.refusal ?? null,
    calls: (choice.message.tool_calls ?? []).map(called),
    logprobs: choice.logprobs ?? null,
    extras: otherFields(choice.message, MESSAGE),
  })),
});

/** A stream, added up. */
class Sum {
  told = { chunks: 0, ids: [], models: [], usage: [], extras: [], choices: {} };

  add(chunk) {
    const told = this.told;
    told.chunks += 1;
    if (!told.ids.includes(chunk.id)) told.ids.push(chunk.id);
    if (!told.models.includes(chunk.model)) told.models.push(chunk.model);
    if (chunk.usage) told.usage.push([chunk.usage, chunk.choices?.length ? "beside a choice" : "beside nothing"]);
    const extras = otherFields(chunk, COMPLETION);
    if (Object.keys(extras).length) told.extras.push(extras);
    for (const choice of chunk.choices ?? []) this.addChoice(choice);
  }

  addChoice({ index, delta, finish_reason: finish, logprobs }) {
    const told = (this.told.choices[index] ??= {
      pieces: [], refusal: "", calls: {}, finish: [], roles: [], logprobs: [], extras: [],
    });
    if (delta.content) told.pieces.push(delta.content);
    told.refusal += delta.refusal ?? "";
    for (const call of delta.tool_calls ?? []) {
      const known = (told.calls[call.index] ??= { id: [], name: [], arguments: "" });
      if (call.id) known.id.push(call.id);
      if (call.function.name) known.name.push(call.function.name);
      known.arguments += call.function.arguments ?? "";
    }
    if (finish) told.finish.push(finish);
    if (delta.role) told.roles.push(delta.role);
    told.logprobs.push(...(logprobs?.content ?? []).map((token) => token.token));
    const extras = otherFields(delta, MESSAGE);
    if (Object.keys(extras).length) told.extras.push(extras);
  }
}

async function addUp(stream, seen) {
  const sum = new Sum();
  seen.stream = sum.told;
  for await (const chunk of stream) sum.add(chunk);
}

// The calls.

async function whole(client, model, seen, fields = {}, options = {}) {
  const ask = { model, messages: ASK, ...fields };
  Object.assign(seen, completed(await client.chat.completions.create(ask, options)));
}

async function streamed(client, model, seen, fields = USAGE, options = {}) {
  seen.stream = new Sum().told;
  const ask = { model, messages: ASK, stream: true, ...fields };
  await addUp(await client.chat.completions.create(ask, options), seen);
}

const withTools = { tools: TOOLS, tool_choice: "auto", parallel_tool_calls: true };

async function wholeAfterTools(client, model, seen) {
  const call = { id: "call_clock", type: "function", function: { name: "clock", arguments: "{}" } };
  const messages = [
    ...ASK,
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "call_clock", content: "12:00" },
  ];
  await whole(client, model, seen, { messages, tools: TOOLS });
}

async function unusualFields(client, model, seen) {
  const headers = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "OpenAI-Organization": "org-1",
    "OpenAI-Project": "proj-1",
  };
  const options = { headers, idempotencyKey: "idem-1", query: { "api-version": "2026-01-01" } };
  await whole(client, model, seen, UNUSUAL, options);
}

async function longPrompt(client, model, seen) {
  const url = `data:image/png;base64,${"iVBORw0KGgo".repeat(50_000)}`;
  const words = { type: "text", text: 'what is this? \u00e4 \u{1f600} \\ "quoted"\t'.repeat(1000) };
  const content = [words, { type: "image_url", image_url: { url } }];
  await whole(client, model, seen, { messages: [{ role: "user", content }] });
}

async function parsed(client, model, seen) {
  const ask = { model, messages: ASK, response_format: zodResponseFormat(PERSON, "person") };
  const completion = await client.chat.completions.parse(ask);
  Object.assign(seen, completed(completion));
  seen.parsed = completion.choices.map((choice) => choice.message.parsed);
}

async function parsedTools(client, model, seen) {
  const completion = await client.chat.completions.parse({ model, messages: ASK, tools: TOOLS });
  Object.assign(seen, completed(completion));
  const calls = completion.choices.flatMap((choice) => choice.message.tool_calls ?? []);
  seen.arguments = calls.map((call) => call.function.parsed_arguments);
}

/** The `.stream()` helper: its events and the completion it assembles. */
async function helper(client, model, seen, fields = {}) {
  seen.events = {};
  const runner = client.chat.completions.stream({ model, messages: ASK, ...USAGE, ...fields });
  const names = ["connect", "content", "chunk", "message", "finalChatCompletion", "error", "end",
    "content.delta", "content.done", "refusal.delta", "tool_calls.function.arguments.delta",
    "tool_calls.function.arguments.done"];
  for (const name of names) runner.on(name, () => (seen.events[name] = (seen.events[name] ?? 0) + 1));
  const completion = await runner.finalChatCompletion();
  Object.assign(seen, completed(completion));
  seen.parsed = completion.choices.map((choice) => choice.message.parsed ?? null);
}

/** The SDK's own tool loop: it calls the tools and asks again. */
async function toolLoop(client, model, seen, stream = false) {
  seen.tools = [];
  const tool = (name) => ({
    type: "function",
    function: {
      name,
      parameters: { type: "object", properties: {} },
      parse: JSON.parse,
      function: (input) => {
        seen.tools.push([name, input]);
        return `${name}: fine`;
      },
    },
  });
  const tools = ["weather", "clock"].map(tool);
  const runner = client.chat.completions.runTools({ model, messages: ASK, stream, tools });
  seen.answer = await runner.finalContent();
  seen.turns = runner.messages.map((message) => message.role);
}

/** Status and headers beside the object. */
async function raw(client, model, seen) {
  const asked = client.chat.completions.create({ model, messages: ASK });
  const { data, response, request_id: id } = await asked.withResponse();
  const ids = ["request-id", "x-request-id"].filter((name) => response.headers.get(name));
  const has_request_id = Boolean(id) && id === data._request_id;
  const told = { status: response.status, content_type: kindOf(response), ids, has_request_id };
  Object.assign(seen, completed(data), told);
}

async function rawStreamed(client, model, seen) {
  const ask = { model, messages: ASK, stream: true, ...USAGE };
  const { data, response } = await client.chat.completions.create(ask).withResponse();
  seen.content_type = kindOf(response);
  await addUp(data, seen);
}

/** The stream as it was sent. */
async function rawText(client, model, seen) {
  const ask = { model, messages: ASK, stream: true, ...USAGE };
  const response = await client.chat.completions.create(ask).asResponse();
  Object.assign(seen, { status: response.status, lines: (await response.text()).split("\n") });
}

async function rawBody(client, model, seen) {
  const response = await client.chat.completions.create({ model, messages: ASK }).asResponse();
  seen.body = await response.json();
}

async function leftEarly(client, model, seen) {
  for await (const chunk of await client.chat.completions.create({ model, messages: ASK, stream: true })) {
    if (!chunk.choices[0].delta.content) continue;
    seen.first = chunk.choices[0].delta.content;
    break;
  }
}

/** Aborts a stream that has begun, from outside. */
async function aborted(client, model, seen) {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const stream = await client.chat.completions.create({ model, messages: ASK, stream: true }, options);
  for await (const chunk of stream) {
    if (!chunk.choices[0].delta.content) continue;
    seen.first ??= chunk.choices[0].delta.content;
    controller.abort();
  }
}

/** Aborts before there is an answer. */
async function abortedBefore(client, model, seen) {
  await streamed(client, model, seen, USAGE, { signal: AbortSignal.timeout(5000) });
}

export const calls = {
  whole,
  streamed,
  "streamed without usage": (client, model, seen) => streamed(client, model, seen, {}),
  "whole with tools": (client, model, seen) => whole(client, model, seen, withTools),
  "streamed with tools": (client, model, seen) => streamed(client, model, seen, { ...USAGE, ...withTools }),
  "whole after tools": wholeAfterTools,
  "unusual fields": unusualFields,
  "unusual fields streamed": (client, model, seen) => streamed(client, model, seen, UNUSUAL),
  "long prompt": longPrompt,
  parsed,
  "parsed tools": parsedTools,
  helper,
  "helper with schema": (client, model, seen) =>
    helper(client, model, seen, { response_format: zodResponseFormat(PERSON, "person") }),
  "helper with tools": (client, model, seen) => helper(client, model, seen, { tools: TOOLS }),
  "tool loop": toolLoop,
  "tool loop streamed": (client, model, seen) => toolLoop(client, model, seen, true),
  raw,
  "raw streamed": rawStreamed,
  "raw text": rawText,
  "raw body": rawBody,
  impatient: (client, model, seen) => whole(client, model, seen, {}, { timeout: 5000, maxRetries: 1 }),
  "impatient streamed": (client, model, seen) => streamed(client, model, seen, USAGE, { timeout: 5000, maxRetries: 0 }),
  once: (client, model, seen) => whole(client, model, seen, {}, { maxRetries: 0 }),
  "left early": leftEarly,
  aborted,
  "aborted before": abortedBefore,
};
