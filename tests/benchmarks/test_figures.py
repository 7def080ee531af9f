"""What the bench makes of what it measured: the wire, the judgement, the tables."""

from pathlib import Path

import msgspec
import pytest
from bench import document, profiling, tables, wire
from bench.fleets import Memory, Return
from bench.pages import Case, Pages
from bench.people import Asked
from bench.plan import Connected, Result
from bench.rating import Rated
from bench.report import Report, this_machine
from bench.speed import Row
from bench.targets import judge

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
QUIET = Result(
    calls=4000,
    due=4000,
    seconds=1.0,
    p50_ms=0.5,
    p99_ms=2.0,
    longest_ms=9.0,
    errors=0,
    sessions=0,
    cpu_s=0.3,
    server_cpu_s=1.0,
    database_cpu_s=0.0,
    other_cpu_s=0.0,
    connected=Connected(stations=64, upgraded_s=0.1, ready_s=0.2, failures=0),
)


def row(server="ingufu", rate=0.0, mix="meter-values", **figures):
    result = msgspec.structs.replace(QUIET, **figures)
    return Row(server=server, mix=mix, stations=64, rate_per_s=rate, result=result)


def report(**parts) -> Report:
    return Report(machine=this_machine(), seconds=1.0, **parts)


def judged(**parts) -> dict[str, tuple[str, bool]]:
    return {one.target: (one.measured, one.is_reached) for one in judge(report(**parts))}


def test_frames_are_found_wherever_the_network_cuts_them() -> None:
    small, large = b'[3,"1",{}]', b'[3,"2",{"x":"' + b"y" * 400 + b'"}]'
    sent = bytes((0x81, len(small))) + small + bytes((0x81, 126)) + len(large).to_bytes(2, "big") + large
    for cut in range(len(sent) + 1):
        first, rest = wire.frames(sent[:cut])
        second, nothing = wire.frames(rest + sent[cut:])
        assert [payload for _, payload in first + second] == [small, large]
        assert nothing == b""


def test_a_call_of_the_server_is_refused_by_its_own_id() -> None:
    assert wire.refusal(b'[2,"abc-1","TriggerMessage",{}]').endswith(b'[4,"abc-1","NotSupported","",{}]')


def test_a_third_of_the_floor_is_judged_by_processor_time() -> None:
    floors = [row("floor", calls=9000), row("floor", calls=11_000)]
    found = judged(floors=floors, saturated=[row(calls=4000), row(mix="session", calls=3000)])
    assert found == {
        "meter-values, 64 stations: a third of the floor": ("0.40", True),
        "session, 64 stations: a third of the floor": ("0.30", False),
    }


def test_thirty_times_the_plain_server_is_judged_by_the_one_with_an_orm() -> None:
    plain = [row("plain, ORM", calls=100), row("plain, SQL by hand", calls=400)]
    ((measured, is_reached),) = judged(saturated=[row()], plain=plain).values()
    assert (measured, is_reached) == ("40 and 10 times", True)


def test_a_rate_that_is_not_carried_is_no_latency() -> None:
    slow = row(rate=5000.0, calls=3000, due=5000, p99_ms=1.0)
    ((measured, is_reached),) = judged(at_rates=[slow]).values()
    assert (measured, is_reached) == ("saturated at 3,000/s", False)
    assert "| saturated at 3,000/s | | |" in tables.markdown(report(at_rates=[slow]))


def test_a_rate_with_errors_is_not_reached() -> None:
    good = row(rate=5000.0, calls=5000, due=5000)
    bad = row(rate=5000.0, calls=5000, due=5000, mix="session", errors=1)
    assert [reached for _, reached in judged(at_rates=[good, bad]).values()] == [True, False]


def test_pages_are_judged_by_the_worse_of_the_runs_without_them() -> None:
    people = Asked(requests=9, per_s=3.0, p50_ms=300.0, longest_ms=900.0, failures=0, kbytes=10)
    alone = Case(name="alone", stations=QUIET)
    beside = Case(name="beside", stations=msgspec.structs.replace(QUIET, p99_ms=4.0), people=people)
    pages = Pages(stations=10, transactions=20, rate_per_s=1000.0, cases=(alone, beside))
    assert judged(pages=pages).popitem()[1] == ("4.0 ms, alone 2.0 ms: 2.0 times", False)


def test_prices_are_judged_by_processor_time() -> None:
    slow = Rated(shape="energy", stretches=5, lines=1, per_cpu_s=19_999.0, plain_per_cpu_s=1e4, target_per_s=20_000)
    assert judged(rated=[slow]) == {"20,000 sessions priced per CPU-second: energy": ("19,999", False)}


def test_a_fleet_of_which_some_failed_is_not_back() -> None:
    back = Return(settings="as installed", stations=9, connected_s=1.0, booted_s=2.0, failures=1, cpu_s=0.5)
    assert judged(returns=[back]).popitem()[1] == ("2.0 s, 1 failed", False)


def test_every_row_has_the_columns_of_its_table() -> None:
    memory = Memory(stations=10, start_mb=80.0, kb_connected=9.0, kb_booted=12.0)
    full = report(floors=[row("floor")], saturated=[row(mix="session")], at_rates=[row(rate=1000.0)], memory=memory)
    full.profiles = [
        profiling.summarise([(3, ["ingufu.charging.decide:judge"]), (1, ["json:dumps", "other:f"])], "all")
    ]
    full.rated = [Rated(shape="energy", stretches=5, lines=1, per_cpu_s=2e4, plain_per_cpu_s=1e4, target_per_s=20_000)]
    width = 0
    for line in tables.markdown(full).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        width = width or line.count("|")
        assert line.count("|") == width, line


def test_other_work_on_the_machine_is_owned_up_to() -> None:
    assert "Other work took 1.5 cores" in tables.markdown(report(saturated=[row(other_cpu_s=1.5)]))
    assert "Other work" not in tables.markdown(report(saturated=[row()]))


def test_time_counts_for_the_part_of_the_innermost_function_of_ours() -> None:
    samples = [(6, ["json:loads", "ingufu.ocpp.v16.charging:f"]), (4, ["asyncio.runners:Runner.run", "ingufu.app.x:f"])]
    found = profiling.summarise(samples, "all")
    assert dict(found.parts) == {"decoding and adapters of OCPP": 0.6, "event loop, sockets, frames in C": 0.4}


def test_the_page_has_room_for_the_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    document.write(page, "| first |")
    document.write(page, "| second |")
    text = page.read_text()
    assert "| second |" in text
    assert "| first |" not in text
    assert text.partition(document.BEGIN)[0] == PAGE.read_text().partition(document.BEGIN)[0]
    assert text.partition(document.END)[2] == PAGE.read_text().partition(document.END)[2]


def test_a_page_without_room_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(SystemExit):
        document.write(page, "text")
    assert page.read_text() == "nothing"
