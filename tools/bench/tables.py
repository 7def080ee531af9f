"""A report as Markdown."""

from collections.abc import Iterable, Sequence

from bench.profiling import Profile
from bench.report import Machine, Report
from bench.speed import Row
from bench.targets import judge, share_of_floor, times_plain

DISTURBED = 0.25  # cores
LEAST_SHARE = 0.005
BUSY = 0.7  # of its core: from there on the generator may be what limits
_SATURATED = (
    "Server|Mix|Stations|calls/s|calls/CPU-s|of the floor|times plain|p50 ms|p99 ms|sessions/s"
    "|server's core|database's cores|generator's core|errors"
)
_AT_RATES = (
    "Server|Mix|due calls/s|answered calls/s|p50 ms|p99 ms|longest ms"
    "|server's core|database's cores|generator's core|errors"
)
_WORDS = frozenset(
    {
        "Server",
        "Mix",
        "Tariff",
        "Target",
        "Measured",
        "",
        "Settings",
        "Situation",
        "Part",
        "Function, with the C code it calls",
    }
)


def markdown(report: Report) -> str:
    """Return all tables of what was measured."""
    sections = [
        _machine(report.machine, report.seconds),
        *(f"**{note}**" for note in [*report.notes, *_disturbed(report)]),
        _targets(report),
        _speed(report),
        _rates(report),
        _postgresql(report),
        _memory(report),
        _returns(report),
        _pages(report),
        _rated(report),
        *map(_profile, report.profiles),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _machine(machine: Machine, seconds: float) -> str:
    return (
        f"Measured on {machine.on}: {machine.cores} cores of {machine.processor}, {machine.memory_gb} GB, "
        f"{machine.system}, disk {machine.disk}, Python {machine.python}, SQLite {machine.sqlite}, "
        f"{', '.join(machine.packages)}.\n"
        f"Each figure is one measurement of {seconds:g} s; "
        f"the load average of the machine was {machine.load_before:g} when the run began."
    )


def _disturbed(report: Report) -> list[str]:
    """Say so if something else ran: on a crowded machine latencies are no more than an upper bound."""
    rows = [*report.floors, *report.saturated, *report.at_rates, *report.postgresql, *report.postgresql_at_rates]
    others = sorted(row.result.other_cpu_s / row.result.seconds for row in rows)
    median = others[len(others) // 2] if others else 0.0
    said = (
        f"Other work took {median:.1f} cores of the machine (median) during these measurements: "
        "latencies and calls/s are those of a crowded machine, calls/CPU-s suffer less."
    )
    return [said] if median >= DISTURBED else []


def _targets(report: Report) -> str:
    judged = judge(report)
    if not judged:
        return ""
    rows = [
        f"| {one.target} | {one.measured} | {'reached' if one.is_reached else '**not reached**'} |" for one in judged
    ]
    return _table("Targets", "Target|Measured|", rows)


def _speed(report: Report) -> str:
    rows = [*report.floors, *report.saturated, *report.plain]
    return _table("Saturated, SQLite", _SATURATED, (_saturated(report, row) for row in rows), _generator(rows))


def _rates(report: Report) -> str:
    rows = [*report.at_rates, *report.plain_at_rates]
    return _table("At fixed rates, SQLite", _AT_RATES, map(_at_rate, rows), _generator(rows))


def _postgresql(report: Report) -> str:
    saturated = _table("Saturated, PostgreSQL", _SATURATED, (_saturated(report, row) for row in report.postgresql))
    at_rates = _table("At fixed rates, PostgreSQL", _AT_RATES, map(_at_rate, report.postgresql_at_rates))
    return "\n\n".join(part for part in (saturated, at_rates) if part)


def _saturated(report: Report, row: Row) -> str:
    result = row.result
    share = share_of_floor(report, row)
    times = "" if row.server.startswith(("plain", "floor")) else _numbers(times_plain(report, row))
    sessions = f"{result.sessions / result.seconds:,.0f}" if row.mix == "session" else ""
    return (
        f"| {row.server} | {row.mix} | {row.stations} | {result.per_s:,.0f} | {result.per_cpu_s:,.0f} "
        f"| {'' if share is None else f'{share:.3f}'} | {times} | {result.p50_ms:.2f} | {result.p99_ms:.2f} "
        f"| {sessions} | {_cores(row)} | {result.errors} |"
    )


def _at_rate(row: Row) -> str:
    result = row.result
    times = f"{result.p50_ms:.2f} | {result.p99_ms:.2f} | {result.longest_ms:.0f}"
    seen = times if row.is_carried else f"saturated at {result.per_s:,.0f}/s | |"
    return (
        f"| {row.server} | {row.mix} | {row.rate_per_s:,.0f} | {result.per_s:,.0f} | {seen} "
        f"| {_cores(row)} | {result.errors} |"
    )


def _cores(row: Row) -> str:
    result = row.result
    database = f"{result.database_cpu_s / result.seconds:.2f}" if result.database_cpu_s else ""
    return f"{result.server_cpu_s / result.seconds:.2f} | {database} | {result.cpu_s / result.seconds:.2f}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _generator(rows: Sequence[Row]) -> str:
    busy = sorted({row.server for row in rows if row.result.cpu_s / row.result.seconds > BUSY})
    if not busy:
        return f"The generator never used more than {BUSY:.0%} of its core: it is not what limits." if rows else ""
    return (
        f"Against {', '.join(busy)} the generator used more than {BUSY:.0%} of its core, and may be what limits "
        "calls/s there: calls per CPU-second of the server is the figure to compare."
    )


def _memory(report: Report) -> str:
    memory = report.memory
    if memory is None:
        return ""
    row = f"| {memory.stations:,} | {memory.start_mb:.0f} | {memory.kb_connected:.1f} | {memory.kb_booted:.1f} |"
    heads = "Stations|MB without stations|kB per connected station|kB per booted station"
    return _table("Memory of idle plain stations", heads, [row])


def _returns(report: Report) -> str:
    heads = "Settings|Stations|all connected s|all booted s|server's CPU s|failures"
    rows = [
        f"| {one.settings} | {one.stations:,} | {one.connected_s:.2f} "
        f"| {'' if one.booted_s is None else f'{one.booted_s:.2f}'} | {one.cpu_s:.2f} | {one.failures} |"
        for one in report.returns
    ]
    return _table("A whole fleet comes back at once after the server was killed", heads, rows)


def _pages(report: Report) -> str:
    pages = report.pages
    if pages is None:
        return ""
    alone = pages.cases[0].stations.p99_ms
    heads = "Situation|OCPP p50 ms|OCPP p99 ms|p99 by that alone|longest ms|calls/s|pages/s|page p50 ms|failures"
    rows: list[str] = []
    for case in pages.cases:
        seen, people = case.stations, case.people
        shown = f"{people.per_s:,.1f} | {people.p50_ms:,.0f}" if people is not None else " | "
        failures = seen.errors + (people.failures if people is not None else 0)
        rows.append(
            f"| {case.name} | {seen.p50_ms:.2f} | {seen.p99_ms:.2f} | {seen.p99_ms / alone if alone else 0:.1f} "
            f"| {seen.longest_ms:.0f} | {seen.per_s:,.0f} | {shown} | {failures} |"
        )
    title = (
        f"Pages beside stations: {pages.rate_per_s:,.0f} calls/s, {pages.stations:,} stations and "
        f"{pages.transactions:,} transactions in the database"
    )
    return _table(title, heads, rows)


def _rated(report: Report) -> str:
    heads = "Tariff|stretches of a session|lines of its price|sessions per CPU-s|plain reading per CPU-s"
    rows = [
        f"| {one.shape} | {one.stretches} | {one.lines} | {one.per_cpu_s:,.0f} | {one.plain_per_cpu_s:,.0f} |"
        for one in report.rated
    ]
    remark = (
        "The plain reading looks every element up for every stretch and sums fractions; it cuts no stretch and knows "
        "no taxes, steps, bounds, periods or rounding."
    )
    return _table("Prices", heads, rows, remark)


def _profile(profile: Profile) -> str:
    parts = [f"| {name} | {share:.0%} |" for name, share in profile.parts if share >= LEAST_SHARE]
    functions = [f"| `{name}` | {share:.1%} |" for name, share in profile.functions]
    by_part = _table(f"Where the time goes: {profile.what}", "Part|share of processor time", parts)
    by_function = _table("", "Function, with the C code it calls|share", functions)
    return f"{by_part}\n\n{by_function}"


def _table(title: str, heads: str, rows: Iterable[str], remark: str = "") -> str:
    """Return a table under its title, nothing without rows; columns of numbers stand to the right."""
    lines = list(rows)
    if not lines:
        return ""
    names = heads.split("|")
    rule = "|".join("---" if name in _WORDS else "---:" for name in names)
    above = [f"### {title}", ""] if title else []
    return "\n".join([*above, f"| {' | '.join(names)} |", f"|{rule}|", *lines, *(["", remark] if remark else [])])
