// The application: every way in which it uses the Anthropic SDK of Node, the counterpart of `messages_calls.py`.

import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { z } from "zod";

import { kindOf } from "./seen.mjs";

const ASK = [{ role: "user", content: "Say h\u00e9llo." }];
const BOUND = 100;
const PERSON = z.object({ name: z.string(), born: z.number().int(), tags: z.array(z.string()) });
const TOOLS = [
  {
    name: "weather",
    description: "d",
    input_schema: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } },
  },
  { name: "clock", input_schema: { type: "object", properties: {} } },
];
const UNUSUAL = {
  system: [{ type: "text", text: "be br\u00efef", cache_control: { type: "ephemeral" } }],
  temperature: 0.3,
  top_k: 5,
  stop_sequences: ["\n\n", "END"],
  metadata: { user_id: "u-1" },
  x_vendor: { small: 1e-7, list: [null, true] },
};

export const client = (url, key, options) => new Anthropic({ baseURL: url, apiKey: key, ...options });

const ask = (model, fields) => ({ model, max_tokens: BOUND, messages: ASK, ...fields });

async function whole(client, model, seen, fields = {}, options = {}) {
  seen.message = await client.messages.create(ask(model, fields), options);
}

async function streamed(client, model, seen, fields = {}, options = {}) {
  seen.events = [];
  const stream = await client.messages.create(ask(model, { stream: true, ...fields }), options);
  for await (const event of stream) seen.events.push(event);
}

/** The `.stream()` helper: its events and the message it assembles. */
async function helper(client, model, seen, fields = {}) {
  seen.kinds = {};
  const stream = client.messages.stream(ask(model, fields));
  const names = ["connect", "streamEvent", "text", "inputJson", "thinking", "signature", "contentBlock", "message",
    "finalMessage", "error", "end"];
  for (const name of names) stream.on(name, () => (seen.kinds[name] = (seen.kinds[name] ?? 0) + 1));
  seen.message = await stream.finalMessage();
}

async function helperText(client, model, seen) {
  seen.text = [];
  const stream = client.messages.stream(ask(model)).on("text", (text) => seen.text.push(text));
  await stream.done();
}

async function wholeAfterTools(client, model, seen) {
  const messages = [
    ...ASK,
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "c2ln" },
        { type: "tool_use", id: "toolu_clock", name: "clock", input: {} },
      ],
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_clock", content: "12:00" }] },
  ];
  await whole(client, model, seen, { messages, tools: TOOLS });
}

async function longPrompt(client, model, seen) {
  const source = { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=".repeat(50_000) };
  const words = { type: "text", text: 'what is this? \u00e4 \u{1f600} \\ "quoted"\t'.repeat(1000) };
  await whole(client, model, seen, { messages: [{ role: "user", content: [{ type: "image", source }, words] }] });
}

async function parsed(client, model, seen) {
  const message = await client.messages.parse(ask(model, { output_config: { format: zodOutputFormat(PERSON) } }));
  Object.assign(seen, { message, parsed: message.parsed_output });
}

/** The SDK's own tool loop: it calls the tools and asks again. */
async function toolLoop(client, model, seen) {
  seen.tools = [];
  const tool = (name) =>
    betaZodTool({
      name,
      description: name,
      inputSchema: z.looseObject({}),
      run: (input) => {
        seen.tools.push([name, input]);
        return `${name}: fine`;
      },
    });
  const runner = client.beta.messages.toolRunner(ask(model, { tools: ["weather", "clock"].map(tool) }));
  seen.message = await runner.runUntilDone();
}

async function raw(client, model, seen) {
  const { data, response, request_id: id } = await client.messages.create(ask(model)).withResponse();
  const has_request_id = Boolean(id) && id === data._request_id;
  Object.assign(seen, { message: data, status: response.status, content_type: kindOf(response), has_request_id });
}

/** The stream as it was sent. */
async function rawText(client, model, seen) {
  const response = await client.messages.create(ask(model, { stream: true })).asResponse();
  Object.assign(seen, { status: response.status, lines: (await response.text()).split("\n") });
}

async function rawBody(client, model, seen) {
  const response = await client.messages.create(ask(model)).asResponse();
  seen.body = await response.json();
}

async function leftEarly(client, model, seen) {
  for await (const event of await client.messages.create(ask(model, { stream: true }))) {
    if (event.type !== "content_block_delta") continue;
    seen.first = event.delta.text;
    break;
  }
}

/** Aborts a helper's stream that has begun. */
async function aborted(client, model, seen) {
  const stream = client.messages.stream(ask(model));
  stream.on("text", (text) => {
    seen.first ??= text;
    stream.abort();
  });
  await stream.done();
}

async function abortedBefore(client, model, seen) {
  await streamed(client, model, seen, {}, { signal: AbortSignal.timeout(5000) });
}

const thinking = { max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 1024 } };
const beta = { headers: { "anthropic-beta": "a-1,b-2" } };

export const calls = {
  whole,
  streamed,
  "whole with tools": (client, model, seen) =>
    whole(client, model, seen, { tools: TOOLS, tool_choice: { type: "auto" } }),
  "streamed with tools": (client, model, seen) => streamed(client, model, seen, { tools: TOOLS }),
  "whole after tools": wholeAfterTools,
  "with thinking": (client, model, seen) => whole(client, model, seen, thinking),
  "unusual fields": (client, model, seen) => whole(client, model, seen, UNUSUAL, beta),
  "unusual fields streamed": (client, model, seen) => streamed(client, model, seen, UNUSUAL),
  "long prompt": longPrompt,
  parsed,
  helper,
  "helper with tools": (client, model, seen) => helper(client, model, seen, { tools: TOOLS }),
  "helper text": helperText,
  "tool loop": toolLoop,
  raw,
  "raw text": rawText,
  "raw body": rawBody,
  impatient: (client, model, seen) => whole(client, model, seen, {}, { timeout: 5000, maxRetries: 1 }),
  "impatient streamed": (client, model, seen) => streamed(client, model, seen, {}, { timeout: 5000, maxRetries: 0 }),
  "left early": leftEarly,
  aborted,
  "aborted before": abortedBefore,
};
