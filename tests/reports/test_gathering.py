"""Figures gathered bit by bit are those counted directly, whatever came when, and wherever gathering was killed."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from ingufu.authorization.tables import decisions
from ingufu.billing.records.tables import records
from ingufu.charging.tables import transactions
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database
from ingufu.reports.jobs import ReportKeeper
from ingufu.reports.service import Reports
from ingufu.reports.tables import cells, evses, taking_totals, totals
from ingufu.sites.service import Sites
from ingufu.stations.model import Approval
from ingufu.stations.service import StationRules, Stations
from ingufu.stations.tables import stations
from reports.happening import NOW, Killed, Network, kept


@pytest.mark.parametrize("seed", [1, 2, 20, 60])
async def test_figures_gathered_in_any_order_and_killed_anywhere_are_those_counted_directly(
    database: Database, seed: int
) -> None:
    net = await Network(database, seed).open()
    killed = Killed(net, 0.15)
    for _ in range(8):  # some of the past is there before anybody gathers
        row = await net.start()
        await net.end(row)
        await net.bill(row)
    await net.live(killed, 40)
    await killed.gather(to_the_end=True)
    gathered = await kept(database)
    assert killed.kills, "this seed kills nothing"
    await agrees_with_sessions(net)
    await Reports(database, net.clock).rebuild()
    await Killed(net, 0.1).gather(to_the_end=True)
    again = await kept(database)
    assert {**again, "report_evses": []} == {**gathered, "report_evses": []}
    since = {row[:4]: row[4] for row in gathered["report_evses"]}
    assert since.keys() == {row[:4] for row in again["report_evses"]}
    # of a station that has moved, the first day by the clock of before may stay until all is gathered anew
    assert all(since[row[:4]] <= row[4] for row in again["report_evses"])


async def agrees_with_sessions(net: Network) -> None:
    """Count directly, in another way: by the minute where that can be, else by sums."""
    sessions = await net.database.select(select(*transactions.columns))
    by_day: defaultdict[tuple[str, str], int] = defaultdict(int)
    energy: defaultdict[str, Decimal] = defaultdict(Decimal)
    spans: defaultdict[tuple[str, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    for one in sessions:
        site = net.stations[one["station_id"]]
        day = one["started_at"].astimezone(ZoneInfo(net.sites[site])).date()
        by_day[site, day.isoformat()] += 1
        energy[site] += one["energy_wh"]
        spans[one["station_id"], one["evse"]].append((one["started_at"], one["ended_at"]))
    rows = await net.database.select(select(*totals.columns).where(totals.c.grain == "d"))
    assert {
        (row["place"], row["period"]): row["started"] for row in rows if row["place"] != "*" and row["started"]
    } == by_day
    for site in net.sites:
        assert sum(row["energy_wh"] for row in rows if row["place"] == site) == energy[site]
    assert sum(row["energy_wh"] for row in rows if row["place"] == "*") == sum(energy.values())
    for (station_id, evse), known in spans.items():
        found = await net.database.select(
            select(cells.c.day, cells.c.occupied_s, cells.c.energy_wh, cells.c.hours).where(
                cells.c.station_id == station_id, cells.c.evse == evse
            )
        )
        minutes = {
            begin + timedelta(minutes=n)
            for begin, end in known
            for n in range(int((end - begin).total_seconds()) // 60)
        }
        zone = ZoneInfo(net.sites[net.stations[station_id]])
        of_day: defaultdict[str, int] = defaultdict(int)
        for minute in minutes:
            of_day[minute.astimezone(zone).date().isoformat()] += 60
        assert {row["day"]: row["occupied_s"] for row in found if row["occupied_s"]} == of_day
        for row in found:
            assert sum(pair[0] for pair in row["hours"].values()) == row["energy_wh"] * 1_000_000
            assert sum(pair[1] for pair in row["hours"].values()) == row["occupied_s"]
    money: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for one in await net.database.select(select(*records.columns)):
        day = one["issued_at"].astimezone(ZoneInfo(net.sites[one["site_id"]])).date().isoformat()
        money[one["site_id"], day, one["currency"]] += one["net"]
    taken = await net.database.select(
        select(*taking_totals.columns).where(taking_totals.c.grain == "d", taking_totals.c.place != "*")
    )
    assert {(row["place"], row["period"], row["currency"]): row["net"] for row in taken} == money
    refused = await net.database.select(select(decisions.c.id))
    assert sum(row["refused"] for row in rows if row["place"] == "*") == len(refused)
    monthly = await net.database.select(select(*totals.columns).where(totals.c.grain == "m", totals.c.place == "*"))
    assert sum(row["energy_wh"] for row in monthly) == sum(energy.values())


async def test_two_who_gather_at_once_do_not_count_twice(database: Database) -> None:
    net = await Network(database, 5).open()
    first, second = Reports(database, net.clock), Reports(database, net.clock)
    for _ in range(5):
        await net.end(await net.start())
    while await first.gather_past():
        pass
    before = await kept(database)
    row = await net.start()
    known = await second._known()
    await first.follow()
    with pytest.raises(Conflict):
        await second._gather(known, await second._dirty([], []), second_state(known))
    await net.end(row)
    assert await first.follow()
    await second.follow()
    assert await kept(database) != before
    gathered = await kept(database)
    await second.rebuild()
    while await second.gather_past():
        pass
    await second.follow_places()
    assert {**await kept(database), "report_evses": []} == {**gathered, "report_evses": []}


def second_state(known: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(known, position=known.position + 1)


async def test_station_that_moves_takes_its_figures_along_and_its_money_stays(database: Database) -> None:
    net = await Network(database, 6).open()
    reports = Reports(database, net.clock)
    row = await net.start()
    await net.end(row)
    await net.bill(row)
    await reports.follow_places()
    while await reports.gather_past():
        pass
    here = net.stations[row["station_id"]]
    there = next(site for site in net.sites if site != here)
    async with database.work() as work:
        await Stations(database, net.clock, net.ids, StationRules()).update(work, row["station_id"], site_id=there)
    await reports.follow_places()
    found = await database.select(select(totals.c.place).where(totals.c.grain == "d").distinct())
    assert {one["place"] for one in found} == {there, "*"}
    taken = await database.select(select(taking_totals.c.place).where(taking_totals.c.grain == "d").distinct())
    assert {one["place"] for one in taken} == {here, "*"}


@pytest.mark.parametrize(
    "zones", [("UTC", "Africa/Kigali"), ("Africa/Kigali", "Pacific/Apia"), ("UTC", "America/Lima")]
)
async def test_site_that_goes_by_another_clock_earns_nothing_twice(database: Database, zones: tuple[str, str]) -> None:
    net = await Network(database, 10).open()
    reports, site = Reports(database, net.clock), next(iter(net.sites))
    await tell_time(net, site, zones[0])
    for _ in range(30):
        row = await net.start()
        await net.end(row)
        await net.bill(row)
    await reports.follow_places()
    while await reports.gather_past():
        pass
    await tell_time(net, site, zones[1])
    await reports.follow_places()
    followed = await kept(database)
    await reports.rebuild()
    while await reports.gather_past():
        pass
    await reports.follow_places()
    again = await kept(database)
    taken = [name for name in again if "taking" in name]
    assert taken
    assert {name: followed[name] for name in taken} == {name: again[name] for name in taken}
    assert any(again[name] for name in taken)


async def tell_time(net: Network, site: str, zone: str) -> None:
    async with net.database.work() as work:
        await Sites(net.database, net.clock, net.ids).update(work, site, time_zone=zone)


async def test_open_session_grows_without_an_event(database: Database) -> None:
    net = await Network(database, 7).open()
    keeper_reports = Reports(database, net.clock)
    row = await net.start()
    keeper = ReportKeeper(keeper_reports, net.clock)
    while await keeper.step() < 1:
        pass
    at = NOW - timedelta(minutes=1)
    async with database.work() as work:
        work.execute_once(
            update(transactions)
            .where(transactions.c.id == row["id"])
            .values(last_reading_at=at, energy_wh=Decimal(5000), started_at=NOW - timedelta(hours=1))
        )
    await keeper_reports.refresh_open()
    found = await database.select(
        select(totals.c.energy_wh, totals.c.occupied_s).where(
            totals.c.place == "*", totals.c.grain == "d", totals.c.period == "2026-11-02"
        )
    )
    assert found[0] == {"energy_wh": Decimal(5000), "occupied_s": 59 * 60}


async def test_events_counted_anew_are_followed_from_the_start(database: Database) -> None:
    net = await Network(database, 8).open()
    reports = Reports(database, net.clock)
    for _ in range(3):
        await net.end(await net.start())
    while await reports.gather_past():
        pass
    await reports.follow()
    assert (await reports.state()) is not None
    from ingufu.infra.storage.outbox import events

    async with database.work() as work:
        work.execute_once(delete(events))
    assert await reports.follow() == 0
    known = await reports.state()
    assert known is not None
    assert known.position == 0


async def test_gathering_anew_lets_go_of_evses_that_stand_no_more(database: Database) -> None:
    net = await Network(database, 9).open()
    reports = Reports(database, net.clock)
    await net.end(await net.start())
    await reports.follow_places()
    while await reports.gather_past():
        pass
    left, *others = sorted(net.stations)
    async with database.work() as work:
        work.execute_once(update(stations).where(stations.c.id == left).values(approval=Approval.REFUSED.value))
    await reports.rebuild()
    assert {row["station_id"] for row in await database.select(select(evses.c.station_id))} == set(net.stations)
    while await reports.gather_past():
        pass
    assert {row["station_id"] for row in await database.select(select(evses.c.station_id))} == set(others)
