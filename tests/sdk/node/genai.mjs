// The application: every way in which it uses Google's SDK of Node, the counterpart of `genai_calls.py`.

import { GoogleGenAI, Type } from "@google/genai";

const ASK = "Say h\u00e9llo.";
const declared = (name, fields) => ({
  name,
  description: name,
  parameters: {
    type: Type.OBJECT,
    properties: Object.fromEntries(Object.entries(fields).map(([field, type]) => [field, { type }])),
  },
});
const TOOLS = [
  {
    functionDeclarations: [
      declared("weather", { city: Type.STRING, days: Type.INTEGER }),
      declared("clock", { zone: Type.STRING }),
    ],
  },
];
const PERSON = {
  type: Type.OBJECT,
  properties: {
    name: { type: Type.STRING },
    born: { type: Type.INTEGER },
    tags: { type: Type.ARRAY, items: { type: Type.STRING } },
  },
};

export const client = (url, key, { timeout }) =>
  new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, timeout } });

/** The message of an exception is the whole body, as text. */
export function raised(error) {
  let body = null;
  try {
    body = JSON.parse(error.message).error;
  } catch {
    // It is no answer of the provider's.
  }
  return {
    class: error.constructor.name,
    code: error.status ?? null,
    status: body?.status ?? null,
    message: body?.message ?? null,
  };
}

/** Only what was sent; the head of the HTTP answer is for another case. */
const told = ({ sdkHttpResponse, ...response }) => response;

async function whole({ models }, model, seen, config = {}, contents = ASK) {
  const response = await models.generateContent({ model, contents, config });
  Object.assign(seen, { response: told(response), text: response.text });
}

async function streamed({ models }, model, seen, config = {}) {
  seen.chunks = [];
  for await (const chunk of await models.generateContentStream({ model, contents: ASK, config })) {
    seen.chunks.push(told(chunk));
  }
}

async function chat({ chats }, model, seen) {
  const chat = chats.create({ model, config: { tools: TOOLS } });
  const wish = await chat.sendMessage({ message: ASK });
  const done = ({ id, name }) => ({ functionResponse: { id, name, response: { output: "fine" } } });
  const parts = wish.functionCalls.map(done);
  seen.calls = wish.functionCalls;
  seen.text = (await chat.sendMessage({ message: parts })).text;
}

async function structured({ models }, model, seen) {
  const config = { responseMimeType: "application/json", responseSchema: PERSON };
  const response = await models.generateContent({ model, contents: ASK, config });
  seen.person = JSON.parse(response.text);
}

async function image(client, model, seen) {
  const data = Buffer.from("\x89PNG\r\n\x1a\n".repeat(40_000), "latin1").toString("base64");
  const words = { text: 'what is this? \u00e4 \u{1f600} \\ "quoted"\t' };
  await whole(client, model, seen, {}, [words, { inlineData: { data, mimeType: "image/png" } }]);
}

async function leftEarly({ models }, model, seen) {
  for await (const chunk of await models.generateContentStream({ model, contents: ASK })) {
    seen.first = chunk.text;
    break;
  }
}

async function aborted({ models }, model, seen) {
  const controller = new AbortController();
  const config = { abortSignal: controller.signal };
  for await (const chunk of await models.generateContentStream({ model, contents: ASK, config })) {
    seen.first ??= chunk.text;
    controller.abort();
  }
}

const UNUSUAL = {
  systemInstruction: "be br\u00efef",
  temperature: 0.25,
  topK: 5,
  seed: 7,
  stopSequences: ["\n\n", "END"],
  maxOutputTokens: 77,
  thinkingConfig: { thinkingBudget: 128, includeThoughts: true },
};

export const calls = {
  whole,
  streamed,
  "whole with tools": (client, model, seen) => whole(client, model, seen, { tools: TOOLS }),
  "streamed with tools": (client, model, seen) => streamed(client, model, seen, { tools: TOOLS }),
  chat,
  structured,
  unusual: (client, model, seen) => whole(client, model, seen, UNUSUAL),
  image,
  impatient: (client, model, seen) => streamed(client, model, seen, { httpOptions: { timeout: 5000 } }),
  "left early": leftEarly,
  aborted,
};
