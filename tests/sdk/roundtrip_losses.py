"""What a dialect has no words for, so that its callers are not told it: the one place where a difference between
what a recording says to the SDK of its own dialect and what it says to a caller's is allowed.

An entry says what is told instead, so that nothing else may be. One that no recording needs any more fails the
table, as a difference does that no entry explains. `docs/api.md` lists them for callers.
"""

import dataclasses
import pathlib
import typing


@dataclasses.dataclass(frozen=True)
class Loss:
    caller: str
    field: str
    why: str
    # What is told instead: given what the recording says, as a `Summary`.
    instead: typing.Callable
    # Does the dialect say less of its own answers too, so that both are to be held against each other like this?
    of_both: bool = False
    # `whole` or `streamed`, where it is one of them.
    only: str | None = None


CHAT_ORDER = ("thought", "text", "call", "media")
# Reasons that are no end of an answer.
SHORT = ("UNEXPECTED_TOOL_CALL", "OTHER", "MALFORMED_FUNCTION_CALL")


def cut(said):
    return "length" if said.stop in SHORT else said.stop


def claude_stop(said):
    return "refusal" if said.stop == "filter" else cut(said)


def claude_tier(said):
    return said.tier if said.tier in ("default", "priority") else None


LOSSES = [
    Loss("openai_chat", "texts", "a message has one content", lambda said: ["".join(said.texts)] if said.texts else []),
    Loss("openai_chat", "order", "a message has no place between its pieces", lambda said: [
        kind for kind in CHAT_ORDER if kind in said.order
    ]),
    Loss("openai_chat", "stop", "an end for an unknown reason is an answer cut short", cut),
    Loss("openai_responses", "stop", "an end for an unknown reason is an answer cut short", cut),
    Loss("anthropic_messages", "stop", "an end for an unknown reason is an answer cut short, a filter a refusal", claude_stop),
    Loss("anthropic_messages", "logprobs", "a message has no log probabilities", lambda said: []),
    Loss("anthropic_messages", "tier", "Anthropic has no such tier", claude_tier),
    Loss("anthropic_messages", "tier", "a stream of Anthropic's tells its tier in its first event", (
        lambda said: None if said.is_tier_late else said.tier
    ), only="streamed"),
    Loss("anthropic_messages", "cited", "a citation stands behind its whole block", lambda said: [], of_both=True),
    Loss("gemini", "cited", "a source of no words in particular is one of all of them", lambda said: [
        (url, words or "".join(said.texts)) for url, words in said.cited
    ]),
    Loss("gemini", "cache_write", "Gemini counts what is read from a cache only", lambda said: 0),
    Loss("gemini", "thoughts", "a thought that follows another one looks like its next piece", lambda said: [
        "".join(said.thoughts)
    ] if said.thoughts else []),
]
DOCUMENTED = pathlib.Path(__file__).parents[2] / "docs" / "api.md"


def undocumented():
    """Losses whose reason callers cannot read."""
    written = DOCUMENTED.read_text()
    rows = [row for row in written.splitlines() if row.startswith("|")]
    return [loss for loss in LOSSES if not any(f"`{loss.caller}`" in row and f"| {loss.why} |" in row for row in rows)]


def compared(caller, stream, wanted, found):
    """What differs that should not, and the losses that explain the rest."""
    problems, losses = [], []
    for field in dataclasses.fields(wanted):
        name = field.name
        known, told = getattr(wanted, name), getattr(found, name)
        if name == "is_tier_late" or name == "model" and known is None:
            continue
        if name == "calls" and len(known) == len(told):
            # Callers need an id where the provider gave none.
            known = [(id or given[0], *rest) for (id, *rest), given in zip(known, told)]
        kind = "streamed" if stream else "whole"
        for loss in LOSSES:
            if loss.caller == caller and loss.field == name and loss.only in (None, kind):
                instead = loss.instead(dataclasses.replace(wanted, **{name: known}))
                told = loss.instead(found) if loss.of_both else told
                if instead != known:
                    losses.append(loss)
                    known = instead
        if known != told:
            problems.append(f"{name}: wanted {shortened(known)}, got {shortened(told)}")
    return problems, losses


def shortened(value, longest=240):
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}\u2026 ({len(text)} characters)"
