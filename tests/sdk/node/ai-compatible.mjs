// The AI SDK with its package for everything that is compatible with OpenAI.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

export { calls, raised } from "./ai.mjs";

export const client = (url, key) =>
  createOpenAICompatible({
    name: "compatible",
    baseURL: `${url}/v1`,
    apiKey: key,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
