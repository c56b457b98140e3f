"""Equality of outcomes, and the differences that are meant."""

import copy
import dataclasses
import json


@dataclasses.dataclass
class Difference:
    """Why, and what is seen through the gateway instead, by place in the outcome."""

    why: str
    through: dict

    def applied_to(self, outcome):
        outcome = copy.deepcopy(outcome)
        for place, value in self.through.items():
            *path, last = place.split(".")
            inner = outcome
            for name in path:
                inner = inner[name]
            inner[last] = value
        return outcome


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
