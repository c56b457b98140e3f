"""Equality of outcomes, and the differences that are meant."""

import copy
import dataclasses
import json
import re

# Reasons that suites have in common.
OWN_TROUBLE = "trouble between gateway and provider is a 502 with a reason, not a broken connection"
BEFORE_CONTENT = "until there is content the gateway may try elsewhere, so it answers with a status"
INCOMPLETE = "an answer that is not complete must not be taken for one"
NOT_THE_CALLERS_KEY = "the rejected key is the gateway's, not the caller's, and what the provider says may quote it"
NOT_THE_CALLERS_ACCOUNT = "the empty account is the gateway's, not the caller's, and another target may have credit"


@dataclasses.dataclass
class Difference:
    """Why, what is seen through the gateway instead, by place in the outcome, and what is not seen at all."""

    why: str
    through: dict
    absent: tuple = ()

    def applied_to(self, outcome):
        outcome = copy.deepcopy(outcome)
        for place, value in self.through.items():
            *path, last = place.split(".")
            inner = outcome
            for name in path:
                inner = inner[int(name) if isinstance(inner, list) else name]
            inner[last] = value
        for place in self.absent:
            *path, last = place.split(".")
            inner = outcome
            for name in path:
                inner = inner.get(name, {})
            inner.pop(last, None)
        return outcome

    def but(self, **more):
        """The same difference with other places besides; a place is written with `__` for its dots."""
        more = {name.replace("__", "."): value for name, value in more.items()}
        return dataclasses.replace(self, through=self.through | more)


# Scenarios that raise by the beginning of their names.
TROUBLE = re.compile(r"(error|cut|garbage|no|html|empty|slow|stalled)\b")


def unexpected(scenario, direct):
    """What is wrong with an outcome that no gateway had to do with: an application that breaks down the
    same way on both ways would compare well and prove nothing."""
    if "raised" in direct and not TROUBLE.match(scenario):
        return f"    raised without the gateway: {shortened(direct['raised'])}"
    return None


def judged(direct, through, difference):
    """What is wrong with an outcome through the gateway, if anything is."""
    wanted = difference.applied_to(direct) if difference else direct
    if difference and wanted == direct:
        return f"    does not differ any more, but the table says: {difference.why}"
    return "\n".join(f"    {line}" for line in told_apart("", wanted, through))


def told_apart(path, wanted, got):
    """The places where two outcomes differ."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in [*wanted, *(key for key in got if key not in wanted)]:
            yield from told_apart(f"{path}.{key}", wanted.get(key, "(absent)"), got.get(key, "(absent)"))
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, (one, other) in enumerate(zip(wanted, got)):
            yield from told_apart(f"{path}[{index}]", one, other)
    elif wanted != got:
        yield f"{path}: wanted {shortened(wanted)}, got {shortened(got)}"


def shortened(value, longest=300):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}\u2026 ({len(text)} characters)"


def raised(name, status, message, code=None, type=None, retry_after=None):
    """An exception as `either.raised` tells it."""
    return {
        "class": name, "status": status, "message": message, "type": type, "param": None, "code": code,
        "retry_after": retry_after, "should_retry": None, "has_request_id": status is not None,
    }
