"""The times of pages as Markdown, and whether they are within the limits."""

from collections.abc import Iterable, Sequence

from bench.page_times import LIMIT_KB, LIMIT_MS, PageTime, PageTimes
from bench.report import Report, machine_line

_COUNTED = (
    "stations",
    "transactions",
    "charge_records",
    "ledger_postings",
    "id_tokens",
    "drivers",
    "events",
    "meter_readings",
)


def markdown(report: Report) -> str:
    """Return what was measured of pages; nothing if they were not."""
    found = report.page_times
    if found is None:
        return ""
    pages = [one for one in found.times if one.is_page]
    lists = [one for one in found.times if not one.is_page]
    parts = [
        machine_line(report.machine),
        _disturbed(report),
        _network(found),
        *_judged(found),
        _table("Pages of the console", pages, has_weight=True),
        _table("Lists of the REST API", lists, has_weight=False),
        _absent(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def misses(found: PageTimes) -> tuple[list[PageTime], list[PageTime]]:
    """Return what takes longer than it may, and what weighs more."""
    slow = [one for one in found.times if one.p95_ms > LIMIT_MS]
    heavy = [one for one in found.times if one.load_kb > LIMIT_KB]
    return slow, heavy


def _disturbed(report: Report) -> str:
    """Say so if the machine had more to do than it has cores: times are then no more than an upper bound."""
    machine = report.machine
    if machine.load_before <= machine.cores / 2:
        return ""
    return "**Other work kept the machine busy meanwhile: these times are those of a crowded machine.**"


def _network(found: PageTimes) -> str:
    counted = ", ".join(f"{found.rows[name]:,} {name.replace('_', ' ')}" for name in _COUNTED if name in found.rows)
    return (
        f"A network of {counted}: {found.megabytes:,} MB, made in {found.made_s:.0f} s. "
        f"Each address was asked for {found.repeats} times (what takes over a second, fewer times), after once on a "
        f"server that had just started. The log of the database was {found.wal_mb:g} MB long at the most."
    )


def _judged(found: PageTimes) -> list[str]:
    slow, heavy = misses(found)
    times = f"Server time under {LIMIT_MS:g} ms (p95) on every page and list: "
    loads = f"First load under {LIMIT_KB:g} kB without map and charts: "
    over, asked = sum(one.over for one in found.times), sum(one.asked for one in found.times)
    most = max((one.load_kb for one in found.times), default=0.0)
    return [
        times + ("reached." if not slow else f"**not reached** by {len(slow)} of {len(found.times)}."),
        f"Of all {asked:,} answers {over} took longer.",
        loads + (f"reached, {most:.0f} kB at the most." if not heavy else f"**not reached** by {len(heavy)}."),
    ]


def _table(title: str, times: Sequence[PageTime], *, has_weight: bool) -> str:
    if not times:
        return ""
    readers = sorted({one.reader for one in times})
    heads = ["Address", "Asked", *(f"{reader}: {what} ms" for reader in readers for what in ("cold", "p50", "p95"))]
    heads += ["HTML kB", "first load kB"] if has_weight else ["kB"]
    rule = ["---", "---", *("---:" for _ in heads[2:])]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *_rows(times, readers, has_weight=has_weight))]
    return "\n".join([f"### {title}", "", lines[0], f"|{'|'.join(rule)}|", *lines[1:]])


def _rows(times: Sequence[PageTime], readers: Sequence[str], *, has_weight: bool) -> Iterable[list[str]]:
    keys = list(dict.fromkeys((one.route, _shown(one.variant)) for one in times))
    for route, variant in keys:
        cells = [f"`{route.replace(':str', '').replace(':int', '')}`", f"`{variant}`" if variant else ""]
        of = {one.reader: one for one in times if (one.route, _shown(one.variant)) == (route, variant)}
        for reader in readers:
            cells += _three(of[reader]) if reader in of else ["", "", ""]
        seen = next(iter(of.values()))
        cells.append(f"{seen.html_kb:.0f}")
        if has_weight:
            cells.append(f"{seen.load_kb:.0f}" if seen.load_kb else "")
        yield cells


def _three(one: PageTime) -> list[str]:
    p95 = f"{one.p95_ms:.0f}"
    return [f"{one.cold_ms:.0f}", f"{one.p50_ms:.0f}", f"**{p95}**" if one.p95_ms > LIMIT_MS else p95]


def _shown(variant: str) -> str:
    """Return what is asked for without the ids in it, which differ with every network."""
    return "&".join(part if len(part) < 40 else f"{part.partition('=')[0]}=…" for part in variant.split("&"))


def _absent(found: PageTimes) -> str:
    return "Not measured: " + "; ".join(f"`{path}`, as {why}" for path, why in found.absent.items()) + "."
