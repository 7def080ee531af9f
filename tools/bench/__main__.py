"""`make bench`: the real server, the plain alternatives and the floor measured in one run, printed as tables."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))  # so that this folder is a package however it is started

from bench import document, fleets, large_network, page_tables, page_times, pages, postgresql, profiling, rating, speed
from bench.report import Report, this_machine
from bench.speed import Network, Size
from bench.tables import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PAGE_TIMES = "page-times"
Part: TypeAlias = Callable[[Report, Size], None]


def main() -> None:
    arguments = _arguments()
    network = Network(
        stations=arguments.stations, sessions=arguments.sessions, folder=arguments.network, only=arguments.only
    )
    size = Size(seconds=arguments.seconds, idle=arguments.stations, network=network)
    report = Report(machine=this_machine(), seconds=arguments.seconds)
    names = [arguments.part] if arguments.part else ["profile"] if arguments.profile else list(PARTS)
    for name in names:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        PARTS[name](report, size)
    text, times = markdown(report), page_tables.markdown(report)
    print(text, times, sep="\n")
    if arguments.json:
        Path(arguments.json).write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if arguments.write and not arguments.part:
        document.write(DOCUMENT, text)
    if arguments.write and times:
        document.write_page_times(DOCUMENT, times)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--stations", type=int, default=10_000, help="of the fleet that idles and comes back")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="of the network whose pages are timed")
    parser.add_argument("--network", type=Path, metavar="FOLDER", help="keep that network there, or take it from there")
    parser.add_argument("--only", default="", help="time only pages with this in their address")
    parser.add_argument("--part", choices=list(PARTS), help="measure nothing else")
    parser.add_argument("--profile", action="store_true", help="measure only where the time goes")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there too")
    arguments = parser.parse_args()
    if arguments.write and (arguments.profile or arguments.only or arguments.part not in {None, PAGE_TIMES}):
        parser.error("--write wants all parts: figures of different runs do not stand side by side.")
    return arguments


def _speed(report: Report, size: Size) -> None:
    """Measure the floor before the server and after it: other work on the machine shows in both."""
    report.floors += speed.measure_floor(size)
    saturated, _ = speed.measure_ours(size, is_saturated=True, has_rates=False)
    report.saturated += saturated
    report.floors += speed.measure_floor(size)


def _rates(report: Report, size: Size) -> None:
    _, at_rates = speed.measure_ours(size, is_saturated=False, has_rates=True)
    report.at_rates += [*speed.measure_floor_rates(size), *at_rates]


def _plain(report: Report, size: Size) -> None:
    saturated, at_rates = speed.measure_plain(size)
    report.plain += saturated
    report.plain_at_rates += at_rates


def _postgresql(report: Report, size: Size) -> None:
    binaries = postgresql.find_binaries()
    if binaries is None:
        report.notes.append("PostgreSQL was not measured: initdb and postgres were not found.")
        return
    with postgresql.postgresql(binaries) as database:
        report.postgresql, report.postgresql_at_rates = speed.measure_on_postgresql(size, database)


def _memory(report: Report, size: Size) -> None:
    report.memory = fleets.measure_memory(size.idle)


def _reconnect(report: Report, size: Size) -> None:
    report.returns = fleets.measure_returns(size.idle)


def _pages(report: Report, size: Size) -> None:
    report.pages = pages.measure(max(size.seconds, pages.LEAST_S))


def _page_times(report: Report, size: Size) -> None:
    asked = size.network
    network = large_network.Size(stations=asked.stations, sessions=asked.sessions)
    report.page_times = page_times.measure(network, folder=asked.folder, only=asked.only)


def _rating(report: Report, size: Size) -> None:
    report.rated = rating.measure(size.seconds)


def _profile(report: Report, size: Size) -> None:
    report.profiles = [profiling.profile_readings(), profiling.profile_return(size.idle)]


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "speed": _speed,
        "plain": _plain,
        "rates": _rates,
        "postgresql": _postgresql,
        "memory": _memory,
        "reconnect": _reconnect,
        "pages": _pages,
        PAGE_TIMES: _page_times,
        "rating": _rating,
        "profile": _profile,
    }
)


if __name__ == "__main__":
    main()
