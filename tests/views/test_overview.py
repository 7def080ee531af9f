"""The figures of the network: what is, what charges, and how today compares."""

from datetime import timedelta
from decimal import Decimal

from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Database
from ingufu.views.overview import get_overview
from ingufu.views.power import WIDTH_S, PowerCurve
from views.conftest import Rows


async def test_stations_are_counted_by_how_they_are(database: Database, rows: Rows) -> None:
    site = await rows.site("Kigali")
    await rows.plug(await rows.station("CP1", site_id=site), status="faulted")
    await rows.plug(await rows.station("CP2", is_online=False), status="faulted")
    await rows.station("CP3", status="faulted")
    await rows.station("CP4")
    await rows.station("CP5", approval="waiting")
    await rows.station("CP6", approval="refused")
    whole = await get_overview(database, None, now=rows.clock.now())
    assert (whole.stations, whole.online, whole.offline, whole.faulted, whole.waiting) == (4, 3, 1, 2, 1)
    part = await get_overview(database, frozenset({site}), now=rows.clock.now())
    assert (part.stations, part.online, part.offline, part.faulted, part.waiting) == (1, 1, 0, 1, 0)
    nothing = await get_overview(database, frozenset(), now=rows.clock.now())
    assert (nothing.stations, nothing.today.sessions) == (0, 0)


async def test_power_counts_what_was_told_lately(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    await rows.transaction(station, power_w=7000.0, last_reading_at=rows.ago(minutes=5))
    await rows.transaction(station, power_w=11000.0, last_reading_at=rows.ago(hours=3))
    await rows.transaction(station, power_w=22000.0, last_reading_at=rows.ago(minutes=5), is_open=False)
    overview = await get_overview(database, None, now=rows.clock.now())
    assert (overview.charging, overview.power_w) == (2, 7000.0)


async def test_today_is_measured_against_the_same_weekday_before(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    for ago, energy_wh in (({"hours": 1}, 1000), ({"hours": 11}, 500), ({"hours": 13}, 9999)):
        await rows.transaction(station, rows.ago(**ago), energy_wh=Decimal(energy_wh))
    for ago, energy_wh in (({"days": 7, "hours": 1}, 300), ({"days": 7, "hours": -3}, 40), ({"days": 6}, 9999)):
        await rows.transaction(station, rows.ago(**ago), energy_wh=Decimal(energy_wh))
    overview = await get_overview(database, None, now=rows.clock.now())
    assert (overview.today.sessions, overview.today.energy_wh) == (2, Decimal(1500))
    assert (overview.same_day_last_week.sessions, overview.same_day_last_week.energy_wh) == (2, Decimal(340))
    assert overview.same_day_last_week_by_now.energy_wh == Decimal(300)
    kigali = await get_overview(database, None, now=rows.clock.now(), time_zone="Pacific/Auckland")
    assert kigali.today.energy_wh == Decimal(1000), "there, the day has begun an hour ago"


async def test_power_of_a_slice_is_the_rise_of_the_registers(
    database: Database, rows: Rows, clock: FrozenClock
) -> None:
    station = await rows.station("CP1", site_id=await rows.site("Kigali"))
    known = await rows.transaction(station)
    begin = clock.now() - timedelta(hours=2)
    for quarter in range(5):  # 1000 Wh a quarter of an hour are 4 kW
        at = begin + timedelta(seconds=WIDTH_S * quarter)
        await rows.reading(station, known, at, energy_wh=Decimal(50_000 + 1000 * quarter))
    curve = {point.at: point.power_w for point in await PowerCurve(database, clock).last_day(None)}
    assert [curve[begin + timedelta(seconds=WIDTH_S * quarter)] for quarter in range(6)] == [
        0,
        4000,
        4000,
        4000,
        4000,
        0,
    ]


async def test_register_that_leaps_does_not_draw_a_peak(database: Database, rows: Rows, clock: FrozenClock) -> None:
    station = await rows.station("CP1")
    known = await rows.transaction(station)
    begin = clock.now() - timedelta(hours=2)
    for quarter, energy_wh in enumerate((1000, 2000, 90_000_000, 90_001_000)):
        at = begin + timedelta(seconds=WIDTH_S * quarter)
        await rows.reading(station, known, at, energy_wh=Decimal(energy_wh))
    curve = {point.at: point.power_w for point in await PowerCurve(database, clock).last_day(None)}
    assert [curve[begin + timedelta(seconds=WIDTH_S * quarter)] for quarter in range(4)] == [0, 4000, 0, 4000]


async def test_stations_without_a_register_count_by_their_power(
    database: Database, rows: Rows, clock: FrozenClock
) -> None:
    station = await rows.station("CP1")
    known = await rows.transaction(station)
    begin = clock.now() - timedelta(hours=2)
    for minute in range(30):
        await rows.reading(station, known, begin + timedelta(minutes=minute), power_w=7000.0)
    curve = {point.at: point.power_w for point in await PowerCurve(database, clock).last_day(None)}
    assert (curve[begin], curve[begin + timedelta(seconds=WIDTH_S)]) == (7000.0, 7000.0)


async def test_curve_goes_on_with_the_clock_and_keeps_sites_apart(
    database: Database, rows: Rows, clock: FrozenClock
) -> None:
    site, other = await rows.site("Kigali"), await rows.site("Huye")
    stations = [await rows.station("CP1", site_id=site), await rows.station("CP2", site_id=other)]
    curve = PowerCurve(database, clock)
    for _ in range(8):
        for station, power_w in zip(stations, (1000.0, 200.0), strict=True):
            await rows.reading(station, f"t-{station}", clock.now(), power_w=power_w)
        whole, part = await curve.last_day(None), await curve.last_day(frozenset({site}))
        assert len(whole) == len(part) == 96
        assert (whole[-2].power_w, part[-2].power_w) in {(0, 0), (1200.0, 1000.0)}
        clock.advance(WIDTH_S)
    fresh = await PowerCurve(database, clock).last_day(None)
    assert await curve.last_day(None) == fresh, "what is kept is what would be read"
    assert [point.power_w for point in fresh[-9:-1]] == [1200.0] * 8
    assert [point.power_w for point in await curve.last_day(frozenset())] == [0] * 96
