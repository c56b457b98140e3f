"""Runs every case of one subject with one version of its SDK, directly and through the gateway.

    suite.py SUBJECT PROVIDER_URL GATEWAY_URL

SUBJECT is the beginning of module names: `chat` means `chat_cases` and, if there is one, `chat_checks`.
One process per SDK version, because two versions cannot be imported side by side; `run.py` starts them.
Prints a line per failure and, last, `N passed, N failed`.
"""

import asyncio
import concurrent.futures
import importlib.util
import json
import os
import sys
import time

import comparison
import either
import foreign
import stand

AT_ONCE = 16
# Longer than any case waits; a case that needs it hangs.
CASE_PATIENCE_S = 30.0


# What the cases of a subject need not say: how a model's name begins (the gateway routes by it), which cases
# must be seen to leave, which keep a gateway busy for so long that they run once, which raise although all is
# well, where the gateway is meant to differ, what of an outcome is not compared, and in which ways the SDK is used.
# What they must say is `FAMILY` (whose exceptions they raise), `VERSION`, `CASES`, and `client` or `PROGRAM`.
USUAL = {
    "PREFIX": "case", "LEFT": (), "HEAVY": (), "RAISING": (), "DIFFERENCES": {}, "comparable": lambda seen: seen,
    "KINDS": ("sync", "async"),
}


class Suite:
    def __init__(self, subject, provider, gateway):
        self.name = subject
        self.subject = importlib.import_module(f"{subject}_cases")
        checks = f"{subject}_checks"
        self.checks = importlib.import_module(checks) if importlib.util.find_spec(checks) else None
        self.provider = provider
        self.gateway = gateway
        self.places = {
            "direct": (provider, os.environ["PROVIDER_KEY"]),
            "through": (gateway, os.environ["GATEWAY_KEY"]),
        }

    def of(self, name):
        return getattr(self.subject, name, USUAL[name])

    def difference(self, name):
        """The difference meant for a case, if there is one."""
        return getattr(self.subject, "difference", self.of("DIFFERENCES").get)(name)

    def client(self, kind, place):
        url, key = self.places[place]
        return self.subject.client(kind, url, key, timeout=CASE_PATIENCE_S)

    def cases(self, kind):
        return [case for case in self.subject.CASES if kind != "async" or case[0] not in self.of("HEAVY")]

    def kinds(self):
        """The ways in which the SDK is used, and what runs all cases in each."""
        if hasattr(self.subject, "PROGRAM"):
            return {"node": self.run_program}
        kinds = {"sync": self.run_synchronously, "async": lambda: asyncio.run(self.run_asynchronously())}
        return {kind: kinds[kind] for kind in self.of("KINDS")}

    def run(self):
        """(name, what is wrong or None) per case and check; all side by side, for they mostly wait."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            running = {kind: pool.submit(run) for kind, run in self.kinds().items()}
            checked = pool.submit(self.run_checks)
        for kind, outcomes in running.items():
            yield from self.compared(kind, outcomes.result())
        yield from checked.result()

    def run_checks(self):
        if self.checks is None:
            return []
        return list(stand.results(self.checks.CHECKS, self.checks.Stand(self.provider, self.gateway)))

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

    def run_program(self):
        """The same by a program in another language, which makes the calls that the cases name."""
        models = {
            (case[0], place): self.model(case, "node", place) for case in self.cases("node") for place in self.places
        }
        asked = [
            {"name": name, "place": place, "call": call, "model": models[name, place]}
            for name, call, _ in self.cases("node")
            for place in self.places
        ]
        seen = foreign.outcomes(self.subject.PROGRAM, asked, self.places, CASE_PATIENCE_S, AT_ONCE)

        async def completed():
            gathered = [self.completed(name, models[name, place], told) for (name, place), told in seen.items()]
            return dict(zip(seen, await asyncio.gather(*gathered)))

        return asyncio.run(completed())

    def model(self, case, kind, place):
        """What makes the provider do the case's scenario, and is of this call alone."""
        name, _, scenario = case
        who = f"{self.name}-{self.subject.VERSION}"
        return f"{self.of('PREFIX')}-{scenario}@{who}-{kind}-{place}-{name.replace(' ', '')}"

    async def outcome(self, case, kind, place, client):
        """What the application and the provider saw of one case."""
        name, call, _ = case
        model = self.model(case, kind, place)
        return await self.completed(name, model, await either.outcome(call, client, model, self.subject.FAMILY))

    async def completed(self, name, model, seen):
        """What the application saw, with what the provider did, and without what is of this call alone."""
        seen["provider"] = await self.seen_by_provider(model, name in self.of("LEFT"))
        return self.of("comparable")(json.loads(json.dumps(seen).replace(model, "MODEL")))

    async def seen_by_provider(self, model, wait_for_leaving):
        """That a client left is noticed a moment later."""
        for _ in range(40):
            seen = stand.seen_by(self.provider, model)
            if seen["left"] or not wait_for_leaving:
                break
            await asyncio.sleep(0.1)
        return {**seen, "left": seen["left"] and wait_for_leaving}

    def compared(self, kind, outcomes):
        for name, _, scenario in self.cases(kind):
            direct, through = outcomes[name, "direct"], outcomes[name, "through"]
            problem = None
            if name not in self.of("RAISING"):
                problem = comparison.unexpected(scenario, direct)
            yield f"{name} ({kind})", problem or comparison.judged(direct, through, self.difference(name))


def main():
    # The provider and the gateway come first, so that a busy machine means slow clients and not slow
    # answers to impatient ones.
    os.nice(10)
    suite = Suite(*sys.argv[1:])
    subject = suite.subject
    who = getattr(subject, "TITLE", None) or f"{subject.FAMILY} {subject.VERSION}"
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
