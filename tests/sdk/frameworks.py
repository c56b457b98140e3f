"""What suites of frameworks have in common that stand upon a vendor's SDK: which of its scenarios they meet
again, and how its meant differences look from above."""

from comparison import Difference

# Odd shapes of refusals are the SDK's business: it has read them before a framework sees anything.
ODD = {"error-nulls", "error-bare", "error-number", "error-text", "error-flat", "error-html", "error-empty"}


def cases(of, whole, streamed, others):
    """Those of the SDK's table `of`, with a framework's calls for a whole answer and for a stream."""
    return [
        *((f"whole, {name}", whole, name) for name in of.WHOLE + of.REFUSED if name not in ODD),
        *((f"streamed, {name}", streamed, name) for name in of.STREAMED),
        *others,
    ]


def differences(of, name_of, nothing, absent):
    """The SDK's differences that end in an exception: it has the class that `name_of` says, `nothing` is
    what was seen of a stream before its content, and what `absent` names is not told of any that breaks."""
    told = {}
    for case, meant in of.DIFFERENCES.items():
        if "raised" not in meant.through:
            continue
        raised = dict(meant.through["raised"])
        through = {"raised": raised | {"class": name_of(raised)}}
        if "provider.attempts" in meant.through:
            through["provider.attempts"] = meant.through["provider.attempts"]
        if "stream" in meant.through or "events" in meant.through:
            through |= nothing
        told[case] = Difference(meant.why, through, absent)
    return told
