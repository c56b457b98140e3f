// Mixed traffic at a constant arrival rate for k6: the mix of `open_loop --mode mixed`, over a long time.
//
//   k6 run -e ADDRESS=http://127.0.0.1:8080 -e KEY=rg-… loadtest/mixed.js
//
// 60 % repeat one of PROMPTS prompts drawn by Zipf's law, 30 % have a prompt of their own, 10 % are
// streams. What a request is follows from its number alone, so two runs with one SEED send the same mix.
// Thresholds are absolute here, because k6 sees one target: run the mock alone first (ADDRESS=mock)
// and set ADDED_FROM_MS to its p99.

import http from "k6/http";
import exec from "k6/execution";
import { check } from "k6";

const ADDRESS = __ENV.ADDRESS || "http://127.0.0.1:8080";
const KEY = __ENV.KEY || "";
const RATE = Number(__ENV.RATE || 5000);
const DURATION = __ENV.DURATION || "30m";
const PROMPTS = Number(__ENV.PROMPTS || 1000);
const SEED = Number(__ENV.SEED || 1);
const ADDED_FROM_MS = Number(__ENV.ADDED_FROM_MS || 0);
const ADDED_P99_MS = Number(__ENV.ADDED_P99_MS || 5);
const STREAM_MODEL = __ENV.STREAM_MODEL || "mock-events-20x5";
// 20 events 5 ms apart are due in any case.
const STREAM_MS = Number(__ENV.STREAM_MS || 130);

const BODY_BYTES = 1024;
const REPEAT_SHARE = 0.6;
const NEW_SHARE = 0.3;

export const options = {
  scenarios: {
    mixed: {
      executor: "constant-arrival-rate",
      rate: RATE,
      timeUnit: "1s",
      duration: DURATION,
      preAllocatedVUs: Math.max(50, Math.ceil(RATE / 10)),
      maxVUs: Math.max(200, RATE),
      gracefulStop: "30s",
    },
  },
  thresholds: {
    http_req_failed: ["rate<0.001"],
    checks: ["rate>0.999"],
    // Requests that k6 could not send in time: the generator's limit, not the gateway's.
    dropped_iterations: ["count==0"],
    "http_req_duration{kind:repeat}": [`p(99)<${ADDED_FROM_MS + ADDED_P99_MS}`],
    "http_req_duration{kind:new}": [`p(99)<${ADDED_FROM_MS + ADDED_P99_MS}`],
    "http_req_duration{kind:stream}": [`p(99)<${ADDED_FROM_MS + ADDED_P99_MS + STREAM_MS}`],
    "http_req_waiting{kind:stream}": [`p(99)<${ADDED_FROM_MS + ADDED_P99_MS}`],
  },
  summaryTrendStats: ["med", "p(90)", "p(99)", "p(99.9)", "max"],
};

const CUMULATIVE = [];
for (let rank = 1, sum = 0; rank <= PROMPTS; rank += 1) {
  sum += 1 / rank;
  CUMULATIVE.push(sum);
}

// A draw in [0, 1) by seed and number (the finalizer of MurmurHash3 over both).
function draw(number, which) {
  let mixed = (Math.imul(SEED, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b) ^ Math.imul(which + 1, 0xc2b2ae35)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4294967296;
}

function rank(drawn) {
  const wanted = drawn * CUMULATIVE[CUMULATIVE.length - 1];
  let low = 0;
  let high = CUMULATIVE.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (CUMULATIVE[middle] < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function planned(number) {
  const share = draw(number, 0);
  if (share < REPEAT_SHARE) {
    return { kind: "repeat", nonce: `repeat${SEED}x${rank(draw(number, 1))}` };
  }
  const kind = share < REPEAT_SHARE + NEW_SHARE ? "new" : "stream";
  return { kind, nonce: `${kind}${SEED}x${number}` };
}

function bodyOf(kind, nonce) {
  const body = {
    model: kind === "stream" ? STREAM_MODEL : "gpt-4o-mini",
    temperature: 0,
    messages: [{ role: "user", content: `nonce=${nonce} ` }],
  };
  if (kind === "stream") {
    body.stream = true;
    body.stream_options = { include_usage: true };
  }
  const missing = BODY_BYTES - JSON.stringify(body).length;
  body.messages[0].content += "words that fill the prompt ".repeat(40).slice(0, Math.max(0, missing));
  return JSON.stringify(body);
}

export default function () {
  const { kind, nonce } = planned(exec.scenario.iterationInTest);
  const headers = { "Content-Type": "application/json" };
  if (KEY) {
    headers.Authorization = `Bearer ${KEY}`;
  }
  const answer = http.post(`${ADDRESS}/v1/chat/completions`, bodyOf(kind, nonce), {
    headers,
    tags: { kind, name: "chat" },
    timeout: "30s",
  });
  check(answer, {
    "is 200": (got) => got.status === 200,
    "answers this very prompt": (got) => String(got.body).includes(nonce),
    "is complete": (got) => kind !== "stream" || String(got.body).endsWith("data: [DONE]\n\n"),
  });
}
