// Makes the calls that `foreign.py` asks for, with one Node SDK, and tells what the application saw.
//
//     node run.mjs MODULE < asked.json
//
// MODULE exports `client(url, key, options)`, `calls`: name to `async (client, model, seen)`, and perhaps
// `raised`: what an application can tell of its exceptions. Asked is
// `{places: {name: [url, key]}, timeoutMs, atOnce, asked: [{name, place, call, model}]}`. Each outcome is
// one line, `{name, place, seen}`; what had arrived before an exception is kept. Calls share one client
// for each place, as an application's do.

import * as usual from "./seen.mjs";

// An application that forgot a rejection somewhere ends here, and the suite with it, which is a failure.
process.on("unhandledRejection", (error) => {
  throw error;
});

const told = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function outcome(call, client, model) {
  const seen = {};
  try {
    await call(client, model, seen);
  } catch (error) {
    seen.raised = raised(error);
  }
  return seen;
}

async function input() {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString());
}

const { client, calls, raised = usual.raised } = await import(`./${process.argv[2]}`);
const { places, timeoutMs, atOnce, asked } = await input();
const clients = Object.fromEntries(
  Object.entries(places).map(([place, [url, key]]) => [place, client(url, key, { timeout: timeoutMs })]),
);

async function work() {
  for (let next = asked.shift(); next; next = asked.shift()) {
    const { name, place, call, model } = next;
    told({ name, place, seen: await outcome(calls[call], clients[place], model) });
  }
}

await Promise.all(Array.from({ length: atOnce }, work));
// Streams that were left keep their connections, and with them the process.
process.exitCode = 0;
process.stdout.write("", () => process.exit());
