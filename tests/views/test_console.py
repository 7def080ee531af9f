"""What the console's pages ask of storage, on both engines."""

from datetime import timedelta

import pytest

from ingufu.accounts.model import OrganisationKind
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.model import AttemptOutcome
from ingufu.views import (
    console_attempts,
    console_frames,
    console_overview,
    console_sessions,
    console_sites,
    console_stations,
)
from ingufu.views import stations as station_views
from ingufu.views import transactions as transaction_views
from ingufu.views.power import PowerCurve
from ingufu.views.transactions import Match, TransactionQuery
from web.api.conftest import make_services
from web.console.network import Network, seed

DAY = timedelta(days=1)


@pytest.fixture
async def net(database: Database, clock: FrozenClock, ids: IdMaker) -> Network:
    services = make_services(database, clock, ids)
    async with database.work() as work:
        operator = await services.accounts.create_organisation(work, "Operator", OrganisationKind.OPERATOR)
    return await seed(services, operator.id, clock.now())


async def test_troubles_and_news_of_the_network(database: Database, net: Network) -> None:
    heights = frozenset({net.sites["Kigali Heights"]})
    faulted = await console_overview.find_faulted(database, None, limit=4)
    assert [(one.identity, one.evse, one.code) for one in faulted.latest] == [("KIG-01", 1, "GroundFailure")]
    assert (await console_overview.find_faulted(database, frozenset(), limit=4)).total == 0
    waiting = await console_overview.find_waiting(database, None, limit=4)
    assert [one.identity for one in waiting.latest] == ["RWA-0007"]
    offline = await console_overview.find_offline(database, None, gone_before=net.now, limit=1)
    assert (offline.total, [one.identity for one in offline.latest]) == (2, ["UNI-03"])
    odd = await console_overview.find_odd_sessions(database, heights, since=net.now - DAY, limit=4)
    assert [one.transaction_id for one in odd.latest] == [net.sessions["odd"]]
    feed = await console_overview.list_feed(database, None, limit=200)
    assert [row.id for row in feed] == sorted((row.id for row in feed), reverse=True)
    faults = [row for row in feed if row.kind == "StatusChanged"]
    assert [(row.station_identity, row.details["after"]) for row in faults] == [("KIG-01", "faulted")]
    assert {row.site_id for row in await console_overview.list_feed(database, heights, limit=50)} == heights


async def test_sites_and_stations_as_the_console_shows_them(database: Database, net: Network) -> None:
    states = {place.name: place for place in await console_sites.list_states(database, None)}
    heights = states["Kigali Heights"]
    assert (heights.station_count, heights.online_count, heights.faulted_count, heights.charging_count) == (3, 3, 1, 1)
    assert heights.power_w > 1000
    assert [place.tone for place in states.values()] == ["bad", "wait", "active", "wait"]
    assert [place.name for place in await console_sites.list_places(database, frozenset({heights.id}))] == [
        "Kigali Heights"
    ]
    assert await console_stations.count_all(database, None) == 13
    assert await console_stations.count_waiting(database, None) == 1
    assert await console_stations.count_waiting(database, frozenset({heights.id})) == 0
    choices = await console_stations.list_choices(database, None)
    assert choices.versions == ("1.6", "2.0.1", "2.1")
    assert choices.vendors == ("ABB", "Alfen", "Kempower", "Wallbox")
    ids = [net.stations[one] for one in ("NYA-01", "KIG-01")]
    assert [row.identity for row in await station_views.list_by_ids(database, ids, None)] == ["KIG-01", "NYA-01"]
    assert [row.identity for row in await station_views.list_by_ids(database, ids, frozenset({heights.id}))] == [
        "KIG-01"
    ]


async def test_connectivity_follows_what_connections_left(database: Database, net: Network) -> None:
    async def connectivity(identity: str, days: float, *, is_online: bool) -> console_stations.Connectivity:
        since = net.now - timedelta(days=days)
        return await console_stations.get_connectivity(
            database, net.stations[identity], since=since, until=net.now, is_online=is_online
        )

    flapped = await connectivity("NYA-03", 7, is_online=True)
    assert [state for _, state in flapped.changes] == ["online", "offline", "online"]
    assert flapped.fraction == pytest.approx(1 - (40 / 60) / 30)
    gone = await connectivity("MUS-03", 1, is_online=False)
    assert (gone.fraction, gone.changes[-1][1]) == (0.0, "offline")
    assert (await connectivity("NYA-01", 0.5, is_online=True)).fraction == 1.0
    assert (await connectivity("RWA-0007", 7, is_online=False)).fraction is None
    assert (await connectivity("RWA-0007", 7, is_online=True)).fraction == 1.0


async def test_refusals_are_put_together_by_who_and_why(database: Database, net: Network) -> None:
    found = (await console_attempts.list_refusals(database, None, since=net.now - DAY)).items
    by_who = {(one.identity or one.address, one.outcome): one for one in found}
    wrong = by_who["MUS-03", AttemptOutcome.WRONG_CREDENTIALS]
    assert (wrong.count, wrong.address_count, wrong.is_online) == (412, 1, False)
    assert wrong.first_at < wrong.last_at
    assert by_who["OLD-TIMER-1", AttemptOutcome.UNSUPPORTED_SUBPROTOCOL].offered == ("ocpp1.5",)
    assert by_who["RWA-0007", AttemptOutcome.WAITING_FOR_APPROVAL].approval == "waiting"
    assert await console_attempts.count_refusals(database, None, since=net.now - DAY) == len(found) == 4
    first = await console_attempts.list_refusals(database, None, since=net.now - DAY, text="41.186", limit=2)
    assert len(first.items) == 2
    only = await console_attempts.list_refusals(database, None, since=net.now - DAY, outcome=AttemptOutcome.WRONG_PATH)
    assert [one.identity for one in only.items] == [None]
    gate = frozenset({net.sites["Musanze Gate"]})
    there = await console_attempts.list_refusals(database, gate, since=net.now - DAY)
    assert {one.identity for one in there.items} == {"MUS-03"}
    assert (await console_attempts.list_refusals(database, None, since=net.now)).items == ()


async def test_refusals_are_paged_by_key(database: Database, net: Network) -> None:
    whole = (await console_attempts.list_refusals(database, None, since=net.now - DAY)).items
    found, cursor = [], None
    while True:
        page = await console_attempts.list_refusals(database, None, since=net.now - DAY, limit=1, cursor=cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert found == list(whole)


async def test_sessions_are_matched_summed_and_paged(database: Database, net: Network) -> None:
    match = await console_sessions.find_match(database, "uni-0", None)
    assert set(match.station_ids) == {net.stations[f"UNI-0{number}"] for number in (1, 2, 3)}
    assert match.token_ids == ()
    assert len((await console_sessions.find_match(database, "DIANE", None)).token_ids) == 1
    assert (await console_sessions.find_match(database, "uni-0", frozenset())).station_ids == ()
    assert await console_sessions.has_any(database, None)
    assert not await console_sessions.has_any(database, frozenset())
    shown: list[str] = []
    query = TransactionQuery(limit=2)
    while True:
        page = await transaction_views.list_matching(database, query, match, None)
        shown += [row.id for row in page.items]
        if page.next is None:
            break
        query = TransactionQuery(limit=2, cursor=page.next)
    assert set(shown) == {id_ for name, id_ in net.sessions.items() if name.startswith("UNI")}
    assert len(shown) == len(set(shown))
    everything = await transaction_views.sum_transactions(database, TransactionQuery(), None, None, most=1000)
    assert (everything.count, everything.is_cut) == (len(net.sessions), False)
    few = await transaction_views.sum_transactions(database, TransactionQuery(), match, None, most=3)
    assert (few.count, few.is_cut) == (3, True)
    none = await transaction_views.sum_transactions(database, TransactionQuery(), Match(), None, most=3)
    assert (none.count, none.energy_wh) == (0, 0)
    rows = await transaction_views.list_by_ids(database, shown[:2], frozenset({net.sites["University of Rwanda"]}))
    assert {row.id for row in rows} == set(shown[:2])
    assert await transaction_views.list_by_ids(database, shown[:2], frozenset()) == ()


async def test_messages_are_read_on_from_where_one_was(database: Database, net: Network) -> None:
    station = net.stations["NYA-01"]
    last = await console_frames.last_frame_id(database, station)
    assert await console_frames.frames_after(database, station, last) == []
    tail = await console_frames.frames_after(database, station, last - 3)
    assert [frame.id for frame in tail] == sorted(frame.id for frame in tail)
    assert (await console_frames.get_frame(database, station, last)).id == last
    with pytest.raises(NotFound):
        await console_frames.get_frame(database, net.stations["NYA-02"], last)
    assert await console_frames.last_frame_id(database, "nobody") == 0


async def test_power_of_the_same_day_a_week_before(database: Database, clock: FrozenClock, net: Network) -> None:
    curve = PowerCurve(database, clock)
    now, before = await curve.last_day(None), await curve.week_before(None)
    assert [point.at + timedelta(days=7) for point in before] == [point.at for point in now]
    assert max(point.power_w for point in before) > 1000
    assert sum(point.power_w for point in await curve.week_before(frozenset({net.sites["Musanze Gate"]}))) == 0
