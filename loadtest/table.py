"""From raw cells to one table of medians and ratios. Pure: what is published can be recomputed from the
raw file, and the arithmetic can be tested without a machine."""

from statistics import median

# (row, unit, where the value lies, direction, hold, stretch); the gates are ratios to nginx. Rows without
# a direction get no ratio: a difference of two p99 is mostly the noise of both.
LESS, MORE = "less", "more"
ROWS = [
    ("forwarded miss, CPU, 32 connections", "µs/req", ("miss-32", "cpu_us"), LESS, None, None),
    ("forwarded miss, CPU, 100 connections", "µs/req", ("miss-100", "cpu_us"), LESS, 1.25, 1.0),
    ("forwarded miss, CPU, 500 connections", "µs/req", ("miss-500", "cpu_us"), LESS, 1.0, 0.80),
    ("forwarded miss, per core, 32 connections", "RPS", ("miss-32", "rps"), MORE, None, None),
    ("forwarded miss, per core, 100 connections", "RPS", ("miss-100", "rps"), MORE, None, None),
    ("forwarded miss, per core, 500 connections", "RPS", ("miss-500", "rps"), MORE, 1.0, 1.2),
    ("exact hit, CPU, 32 connections (nginx: `return`)", "µs/req", ("hit-32", "cpu_us"), LESS, 1.5, 1.2),
    ("exact hit, CPU, 100 connections (nginx: `return`)", "µs/req", ("hit-100", "cpu_us"), LESS, 1.5, 1.2),
    ("exact hit, CPU, 500 connections (nginx: `return`)", "µs/req", ("hit-500", "cpu_us"), LESS, 1.5, 1.2),
    ("exact hit, per core, 100 connections (nginx: `return`)", "RPS", ("hit-100", "rps"), MORE, None, None),
    ("exact hit, per core, 500 connections (nginx: `return`)", "RPS", ("hit-500", "rps"), MORE, None, None),
    ("added p50, open loop, 1,000 RPS", "µs", ("open-1000", "added_p50_us"), LESS, 1.1, 0.9),
    ("added p50, open loop, 5,000 RPS", "µs", ("open-5000", "added_p50_us"), LESS, 1.1, 0.9),
    ("added p99, open loop, 1,000 RPS", "µs", ("open-1000", "added_p99_us"), None, None, None),
    ("added p99, open loop, 5,000 RPS", "µs", ("open-5000", "added_p99_us"), None, None, None),
    ("CPU at 1,000 RPS", "µs/req", ("open-1000", "cpu_us"), LESS, None, None),
    ("CPU at 5,000 RPS", "µs/req", ("open-5000", "cpu_us"), LESS, None, None),
    ("streamed event, 50 streams paced at 5 ms, CPU", "µs/event", ("stream", "cpu_us"), LESS, None, None),
    ("streamed event, 50 streams back to back, CPU", "µs/event", ("stream-burst", "cpu_us"), LESS, None, None),
    ("first event, added p50", "µs", ("first-event", "added_p50_us"), LESS, None, None),
    ("memory at rest, RSS", "MiB", ("rest", "rss"), LESS, None, None),
    ("memory at peak, RSS", "MiB", ("peak", "rss_peak"), LESS, None, None),
    ("start to first answer", "ms", ("rest", "start_ms"), LESS, None, None),
]
# Below this share of its core a server was not what limited the rate.
SATURATED_SHARE = 0.85


def medians(cells):
    """{(target, cell): {figure: median}} of the cells of all rounds; cells that failed a check are left
    out and named apart."""
    grouped, refused = {}, []
    for cell in cells:
        if cell.get("refused"):
            refused.append(cell)
            continue
        grouped.setdefault((cell["target"], cell["cell"]), []).append(cell["figures"])
    middle = {}
    for key, rounds in grouped.items():
        names = {name for figures in rounds for name in figures}
        middle[key] = {name: median(figures[name] for figures in rounds if name in figures) for name in names}
    return middle, refused


def add_deltas(middle):
    """What a target adds to the direct path: client-side figures through it minus those without it."""
    for (target, cell), figures in middle.items():
        direct = middle.get(("direct", cell))
        if target == "direct" or direct is None:
            continue
        for quantile in ("p50_us", "p99_us"):
            if quantile in figures and quantile in direct:
                figures["added_" + quantile] = figures[quantile] - direct[quantile]
    return middle


def verdict(ratio, direction, hold, stretch, bounded=False):
    """How a ratio stands to its gate; a lower bound can meet a gate but not miss it."""
    if hold is None:
        return ""
    meets = (lambda bound: ratio <= bound) if direction == LESS else (lambda bound: ratio >= bound)
    if meets(stretch):
        return "stretch met"
    if meets(hold):
        return "held"
    return "open: limited by the generator" if bounded else "**missed**"


def rows(middle, subject):
    """The table's rows for which both sides were measured."""
    found = []
    for label, unit, (cell, figure), direction, hold, stretch in ROWS:
        peer = middle.get(("nginx", cell), {})
        ours = middle.get((subject, cell), {})
        if figure not in peer or figure not in ours:
            continue
        ratio = ours[figure] / peer[figure] if direction is not None and peer[figure] > 0 else None
        found.append({
            "label": label, "unit": unit, "nginx": shown(peer, figure), "ours": shown(ours, figure), "ratio": ratio,
            "gate": gate(direction, hold, stretch),
            "verdict": verdict(ratio, direction, hold, stretch, bounded(ours, figure)) if ratio is not None else "",
        })
    return found


def shown(figures, figure):
    """A figure as text; a rate at which the server's core was not busy is only a lower bound."""
    value = figures[figure]
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return "≥ " + text if bounded(figures, figure) else text


def bounded(figures, figure):
    return figure == "rps" and figures.get("core_share", 1.0) < SATURATED_SHARE


def gate(direction, hold, stretch):
    if hold is None:
        return ""
    sign = "≤" if direction == LESS else "≥"
    return f"{sign} {hold:g} ({sign} {stretch:g})"


def ranges(cells, subject):
    """{label: (least, greatest)} of the ratios of single rounds: how far a ratio can be trusted."""
    found = {}
    for number in {cell["round"] for cell in cells}:
        middle, _ = medians(cell for cell in cells if cell["round"] == number)
        for row in rows(add_deltas(middle), subject):
            if row["ratio"] is not None:
                found.setdefault(row["label"], []).append(row["ratio"])
    return {label: (min(ratios), max(ratios)) for label, ratios in found.items()}


def markdown(middle, subject, spread):
    """The one table."""
    lines = [
        f"| per core, loopback, plain HTTP, 1 KB each way | unit | nginx | {subject} | ratio | rounds | gate (stretch) | |",
        "|---|---|--:|--:|--:|---|---|---|",
    ]
    for row in rows(middle, subject):
        ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "–"
        least, greatest = spread.get(row["label"], (None, None))
        rounds = f"{least:.2f}–{greatest:.2f}" if least is not None else ""
        cells = [row["label"], row["unit"], row["nginx"], row["ours"], ratio, rounds, row["gate"], row["verdict"]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ceilings(middle):
    """What the rig itself can do: figures near these say nothing about a gateway."""
    lines = []
    for connections in (32, 100, 500):
        apart = middle.get(("mock-apart", f"miss-{connections}"))
        beside = middle.get(("direct", f"miss-{connections}"))
        if apart and beside:
            lines.append(
                f"| {connections} | {apart['rps']:,.0f} | {apart['cpu_us']:.1f} | {beside['rps']:,.0f} |"
            )
    if not lines:
        return ""
    head = [
        "| connections | mock on a core of its own, RPS | its CPU, µs/req | mock beside wrk on one core, RPS |",
        "|--:|--:|--:|--:|",
    ]
    return "\n".join(head + lines)


def translated(middle, subject):
    """What it costs that caller and provider speak different dialects, as a sentence."""
    same, other = middle.get((subject, "same")), middle.get((subject, "translated"))
    if not same or not other:
        return ""
    return (
        f"A request of 1 KB and its answer translated, Anthropic's dialect to a provider of OpenAI's: "
        f"{other['cpu_us']:.1f} µs of CPU against {same['cpu_us']:.1f} untranslated, "
        f"{other['cpu_us'] - same['cpu_us']:.1f} more."
    )


def companion(middle):
    """The scenario of the saturated embedder, as a sentence."""
    idle, fed, busy = (middle.get(("companion", name)) for name in ("idle", "fed", "saturated"))
    if not idle or not fed or not busy:
        return ""
    return (
        f"Requests that need no vector at {idle['rate']:,.0f} RPS: p50 {idle['p50_us']:.0f} µs and p99 "
        f"{idle['p99_us']:.0f} µs with the embedder idle, p50 {fed['p50_us']:.0f} µs and p99 {fed['p99_us']:.0f} µs with "
        f"{fed['embedded_rps']:,.0f} other requests/s beside them, p50 {busy['p50_us']:.0f} µs and p99 "
        f"{busy['p99_us']:.0f} µs when those are embedded (ratio of p99 {busy['p99_us'] / fed['p99_us']:.2f}, "
        f"{busy['p99_us'] / idle['p99_us']:.2f} to the idle one); the embedder used {busy['companion_share'] * 100:.0f} % of the core."
    )
