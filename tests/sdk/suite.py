"""Runs every case of one subject with one version of its SDK, directly and through the gateway.

    suite.py SUBJECT PROVIDER_URL GATEWAY_URL

SUBJECT is the beginning of module names: `chat` means `chat_cases` and `chat_checks`. One process per
SDK version, because two versions cannot be imported side by side; `run.py` starts them.
Prints a line per failure and, last, `N passed, N failed`.
"""

import asyncio
import concurrent.futures
import importlib
import json
import os
import sys
import time

import comparison
import either
import stand

AT_ONCE = 16
# Longer than any case waits; a case that needs it hangs.
CASE_PATIENCE_S = 30.0


class Suite:
    def __init__(self, subject, provider, gateway):
        self.subject = importlib.import_module(f"{subject}_cases")
        self.checks = importlib.import_module(f"{subject}_checks")
        self.provider = provider
        self.gateway = gateway
        self.places = {
            "direct": (provider, os.environ["PROVIDER_KEY"]),
            "through": (gateway, os.environ["GATEWAY_KEY"]),
        }

    def client(self, kind, place):
        url, key = self.places[place]
        return self.subject.client(kind, url, key, timeout=CASE_PATIENCE_S)

    def cases(self, kind):
        return [case for case in self.subject.CASES if kind == "sync" or case[0] not in self.subject.HEAVY]

    def run(self):
        """(name, what is wrong or None) per case and check; all side by side, for they mostly wait."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            synchronous = pool.submit(self.run_synchronously)
            asynchronous = pool.submit(lambda: asyncio.run(self.run_asynchronously()))
            checks = self.checks.Stand(self.provider, self.gateway)
            checked = pool.submit(lambda: list(stand.results(self.checks.CHECKS, checks)))
        yield from self.compared("sync", synchronous.result())
        yield from self.compared("async", asynchronous.result())
        yield from checked.result()

    def run_synchronously(self):
        """(case name, place) to outcome, with one client per place shared by all threads."""
        running = {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for place in self.places:
                client = self.client("sync", place)
                for case in self.cases("sync"):
                    work = lambda case, place, client: asyncio.run(self.outcome(case, "sync", place, client))
                    running[case[0], place] = pool.submit(work, case, place, client)
        return {which: future.result() for which, future in running.items()}

    async def run_asynchronously(self):
        gate = asyncio.Semaphore(AT_ONCE)

        async def gated(case, place, client):
            async with gate:
                return await self.outcome(case, "async", place, client)

        running = {}
        clients = [(place, self.client("async", place)) for place in self.places]
        for place, client in clients:
            for case in self.cases("async"):
                running[case[0], place] = asyncio.ensure_future(gated(case, place, client))
        outcomes = {which: await future for which, future in running.items()}
        for _, client in clients:
            await client.close()
        return outcomes

    async def outcome(self, case, kind, place, client):
        """What the application and the provider saw of one case."""
        name, call, scenario = case
        model = f"case-{scenario}@{self.subject.VERSION}-{kind}-{place}-{name.replace(' ', '')}"
        seen = await either.outcome(call, client, model, self.subject.FAMILY)
        seen["provider"] = await self.seen_by_provider(model, name in self.subject.LEFT)
        return json.loads(json.dumps(seen).replace(model, "MODEL"))

    async def seen_by_provider(self, model, wait_for_leaving):
        """That a client left is noticed a moment later."""
        for _ in range(40):
            seen = stand.seen_by(self.provider, model)
            if seen["left"] or not wait_for_leaving:
                break
            await asyncio.sleep(0.1)
        return {**seen, "left": seen["left"] and wait_for_leaving}

    def compared(self, kind, outcomes):
        for name, _, _ in self.cases(kind):
            direct, through = outcomes[name, "direct"], outcomes[name, "through"]
            yield f"{name} ({kind})", comparison.judged(direct, through, self.subject.difference(name))


def main():
    # The provider and the gateway come first, so that a busy machine means slow clients and not slow
    # answers to impatient ones.
    os.nice(10)
    suite = Suite(*sys.argv[1:])
    who = f"{suite.subject.FAMILY} {suite.subject.VERSION}"
    began = time.monotonic()
    results = list(suite.run())
    failed = [(name, problem) for name, problem in results if problem]
    for name, problem in failed:
        print(f"FAIL {who}: {name}\n{problem}")
    print(f"{who}, {time.monotonic() - began:.1f} s:")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
