// The AI SDK with Anthropic's package.

import { createAnthropic } from "@ai-sdk/anthropic";

export { calls, raised } from "./ai.mjs";

export const client = (url, key) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
