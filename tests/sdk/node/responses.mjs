// The application: every way in which it uses the Responses API of OpenAI's SDK of Node.

import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

export { client } from "./openai.mjs";

const ASK = "Say h\u00e9llo.";
const TOOLS = [
  zodResponsesFunction({ name: "weather", parameters: z.object({ city: z.string(), days: z.number().int() }) }),
  zodResponsesFunction({ name: "clock", parameters: z.object({ zone: z.string() }) }),
];
const PERSON = z.object({ name: z.string(), born: z.number().int(), tags: z.array(z.string()) });

async function whole(client, model, seen, fields = {}, options = {}) {
  const { _request_id, ...response } = await client.responses.create({ model, input: ASK, ...fields }, options);
  seen.response = response;
}

async function streamed(client, model, seen, fields = {}, options = {}) {
  Object.assign(seen, { events: [], deltas: {} });
  const stream = await client.responses.create({ model, input: ASK, stream: true, ...fields }, options);
  for await (const event of stream) {
    seen.events.push(event);
    if (!event.type.endsWith(".delta")) continue;
    const key = `${event.type} ${event.item_id}`;
    seen.deltas[key] = (seen.deltas[key] ?? "") + event.delta;
  }
}

async function nextTurn(client, model, seen) {
  const first = await client.responses.create({ model, input: ASK, tools: TOOLS });
  const calls = first.output.filter((item) => item.type === "function_call");
  const results = calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "fine" }));
  const input = [{ role: "user", content: ASK }, ...first.output, ...results];
  seen.text = (await client.responses.create({ model, input, tools: TOOLS })).output_text;
}

async function parsed(client, model, seen) {
  const text = { format: zodTextFormat(PERSON, "person") };
  const response = await client.responses.parse({ model, input: ASK, text });
  seen.parsed = response.output_parsed;
}

/** The `.stream()` helper: its events and the response it assembles. */
async function helper(client, model, seen, fields = {}) {
  seen.kinds = {};
  const stream = client.responses.stream({ model, input: ASK, ...fields });
  for await (const event of stream) seen.kinds[event.type] = (seen.kinds[event.type] ?? 0) + 1;
  const { _request_id, ...response } = await stream.finalResponse();
  seen.response = response;
}

async function leftEarly(client, model, seen) {
  for await (const event of await client.responses.create({ model, input: ASK, stream: true })) {
    if (event.type !== "response.output_text.delta") continue;
    seen.first = event.delta;
    break;
  }
}

export const calls = {
  whole,
  streamed,
  "whole with tools": (client, model, seen) => whole(client, model, seen, { tools: TOOLS }),
  "streamed with tools": (client, model, seen) => streamed(client, model, seen, { tools: TOOLS }),
  "next turn": nextTurn,
  parsed,
  helper,
  "helper with tools": (client, model, seen) => helper(client, model, seen, { tools: TOOLS }),
  "impatient streamed": (client, model, seen) => streamed(client, model, seen, {}, { timeout: 5000, maxRetries: 0 }),
  "left early": leftEarly,
};
