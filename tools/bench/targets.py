"""What was to be reached, and whether it was."""

from collections.abc import Iterable

import msgspec

from bench.report import Report
from bench.speed import Row

FLOOR_SHARE = 1 / 3
PLAIN_TIMES = 30
P99_MS = {5000.0: 5.0, 20_000.0: 10.0}
KB_PER_STATION = 18.0
RETURN_S = 5.0
PAGES_TIMES = 1.5  # beyond that, two p99 of the same run are not the same any more
MAIN = "meter-values"


class Judged(msgspec.Struct, kw_only=True, frozen=True):
    """One target."""

    target: str
    measured: str
    is_reached: bool


def judge(report: Report) -> list[Judged]:
    """Return every target of which there are figures."""
    return [*_speed(report), *_rates(report), *_fleets(report), *_postgresql(report), *_pages(report), *_rated(report)]


def floor_of(report: Report, stations: int) -> float:
    """Return the floor's calls per CPU-second with so many stations, before and after; 0 if there is none."""
    found = [row.result for row in report.floors if row.stations == stations]
    used = sum(result.server_cpu_s for result in found)
    return sum(result.calls for result in found) / used if used else 0.0


def share_of_floor(report: Report, row: Row) -> float | None:
    floor = floor_of(report, row.stations) or floor_of(report, report.floors[0].stations) if report.floors else 0.0
    return row.result.per_cpu_s / floor if floor else None


def times_plain(report: Report, row: Row) -> tuple[float, ...]:
    """Return how many times as fast as each plain server, by CPU-seconds; its fewer stations spare it queues."""
    return tuple(
        row.result.per_cpu_s / other.result.per_cpu_s
        for other in report.plain
        if other.mix == row.mix and other.result.per_cpu_s
    )


def _speed(report: Report) -> Iterable[Judged]:
    for row in report.saturated:
        share, times = share_of_floor(report, row), times_plain(report, row)
        if share is not None:
            yield Judged(
                target=f"{row.mix}, {row.stations} stations: a third of the floor",
                measured=f"{share:.2f}",
                is_reached=share >= FLOOR_SHARE,
            )
        if times:
            shown = " and ".join(f"{one:.0f}" for one in times)
            yield Judged(
                target=f"{row.mix}, {row.stations} stations: {PLAIN_TIMES} times the plain server (ORM, by hand)",
                measured=f"{shown} times",
                is_reached=times[0] >= PLAIN_TIMES,
            )


def _rates(report: Report, rows: list[Row] | None = None, where: str = "") -> Iterable[Judged]:
    for row in report.at_rates if rows is None else rows:
        limit = P99_MS.get(row.rate_per_s)
        if limit is None or row.server == "floor":
            continue
        measured = f"{row.result.p99_ms:.1f} ms" if row.is_carried else f"saturated at {row.result.per_s:,.0f}/s"
        yield Judged(
            target=f"{row.mix}{where}: p99 under {limit:g} ms at {row.rate_per_s:,.0f} calls/s",
            measured=measured,
            is_reached=row.is_carried and row.result.p99_ms < limit and not row.result.errors,
        )


def _fleets(report: Report) -> Iterable[Judged]:
    if report.memory is not None:
        measured = report.memory.kb_booted
        yield Judged(
            target=f"under {KB_PER_STATION:g} kB per idle plain station, {report.memory.stations:,} stations",
            measured=f"{measured:.1f} kB",
            is_reached=measured < KB_PER_STATION,
        )
    for one in report.returns:
        seconds = one.connected_s if one.booted_s is None else one.booted_s
        what = "connected" if one.booted_s is None else "connected and booted"
        yield Judged(
            target=f"{one.stations:,} stations back within {RETURN_S:g} s, {what}, {one.settings}",
            measured=f"{seconds:.1f} s" + (f", {one.failures} failed" if one.failures else ""),
            is_reached=seconds <= RETURN_S and not one.failures,
        )


def _postgresql(report: Report) -> Iterable[Judged]:
    for row in report.postgresql:
        ours = [one for one in report.saturated if (one.mix, one.stations) == (row.mix, row.stations)]
        if ours and ours[0].result.calls:
            ratio = row.result.per_s / ours[0].result.per_s
            yield Judged(
                target=f"{row.mix}, {row.stations} stations: the same order on PostgreSQL (a third or more)",
                measured=f"{ratio:.2f} of SQLite's calls/s",
                is_reached=ratio >= 1 / 3,
            )
    yield from _rates(report, report.postgresql_at_rates, " on PostgreSQL")


def _pages(report: Report) -> Iterable[Judged]:
    if report.pages is None:
        return
    cases = report.pages.cases
    alone = max(case.stations.p99_ms for case in cases if case.people is None)
    beside = next(case.stations.p99_ms for case in cases if case.people is not None)
    yield Judged(
        target=f"p99 of stations unchanged beside heavy pages (within {PAGES_TIMES:g} times of the same run)",
        measured=f"{beside:.1f} ms, alone {alone:.1f} ms: {beside / alone if alone else 0:.1f} times",
        is_reached=beside <= PAGES_TIMES * alone,
    )


def _rated(report: Report) -> Iterable[Judged]:
    for one in report.rated:
        yield Judged(
            target=f"{one.target_per_s:,} sessions priced per CPU-second: {one.shape}",
            measured=f"{one.per_cpu_s:,.0f}",
            is_reached=one.per_cpu_s >= one.target_per_s,
        )
