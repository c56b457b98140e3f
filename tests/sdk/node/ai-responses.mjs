// The AI SDK with OpenAI's package, for the Responses API.

import { createOpenAI } from "@ai-sdk/openai";

export { calls, raised } from "./ai.mjs";

export const client = (url, key) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses;
