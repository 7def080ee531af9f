"""Rules of admission, limited tokens and starts at once, on both engines."""

import asyncio
from collections.abc import Callable
from datetime import time
from typing import Any

import pytest

from ingufu.authorization.model import (
    AdmissionRule,
    EvseRef,
    Hours,
    ListMode,
    Occasion,
    PresentedToken,
    RuleScope,
    TokenDetails,
    TokenLimits,
    VerdictReason,
    VerdictStatus,
)
from ingufu.authorization.service import Admitting, Authorization
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.sites.service import Sites
from ingufu.stations.model import StationRules
from ingufu.stations.service import Stations


@pytest.fixture
def stations(database: Database, clock: FrozenClock, ids: IdMaker) -> Stations:
    return Stations(database, clock, ids, StationRules())


@pytest.fixture
def sites(database: Database, clock: FrozenClock, ids: IdMaker) -> Sites:
    return Sites(database, clock, ids)


@pytest.fixture
def admitting(database: Database, clock: FrozenClock, stations: Stations, sites: Sites) -> Admitting:
    return Admitting(database, clock, stations, sites)


@pytest.fixture
def authorization(
    database: Database, clock: FrozenClock, ids: IdMaker, running: Any, admitting: Admitting
) -> Authorization:
    return Authorization(database, clock, ids, running, admitting=admitting)


@pytest.fixture
async def place(database: Database, stations: Stations, sites: Sites) -> tuple[str, str]:
    """A site in Kigali with a station; their ids."""
    async with database.work() as work:
        site = await sites.create(work, organisation_id="org", name="Kigali", time_zone="Africa/Kigali")
    async with database.work() as work:
        station = await stations.create(work, "CS", site_id=site.id)
    async with database.work() as work:
        await stations.set_connector(work, station.id, 1, 1, kind="cCCS2")
    return site.id, station.id


async def start(database: Database, authorization: Authorization, clock: FrozenClock, station: str, **more: Any) -> Any:
    work = database.work()
    given = {"token": PresentedToken(value="CARD"), "evse": 1, "occasion": Occasion.START, "excluding": "mine"} | more
    verdict = await authorization.check(work, station_id=station, at=clock.now(), **given)
    await work.commit()
    return verdict


async def set_rule(database: Database, admitting: Admitting, scope: RuleScope, of: str = "", **rule: Any) -> None:
    async with database.work() as work:
        await admitting.set_rule(work, AdmissionRule(scope=scope, scope_id=of, **rule))


async def test_of_two_starts_at_once_one_is_judged_again(
    database: Database, authorization: Authorization, clock: FrozenClock, register: Callable[..., Any], running: Any
):
    token = await register("CARD")
    first, second = database.work(), database.work()
    for work, station in ((first, "A"), (second, "B")):
        verdict = await authorization.check(
            work, PresentedToken(value="CARD"), station_id=station, evse=1, at=clock.now(), occasion=Occasion.START
        )
        assert verdict.is_accepted
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    running.by_token[token.id] = [("first", clock.now())]
    again = await start(database, authorization, clock, "B")
    assert (again.status, again.reason) == (VerdictStatus.CONCURRENT_TX, VerdictReason.ALREADY_CHARGING)


async def test_a_token_without_a_limit_starts_at_once_everywhere(
    database: Database, authorization: Authorization, clock: FrozenClock, register: Callable[..., Any]
):
    await register("CARD", concurrent_limit=None)
    found = await asyncio.gather(*(start(database, authorization, clock, f"S{n}") for n in range(20)))
    assert all(one.is_accepted for one in found)


async def test_asking_beforehand_takes_no_turn(
    database: Database, authorization: Authorization, clock: FrozenClock, register: Callable[..., Any]
):
    await register("CARD")
    asking = (
        start(database, authorization, clock, f"S{n}", occasion=occasion)
        for n, occasion in enumerate([Occasion.AUTHORIZE, Occasion.REMOTE_START] * 5)
    )
    assert all(one.is_accepted for one in await asyncio.gather(*asking))


async def test_limits_are_judged_by_the_stations_own_place(
    database: Database,
    authorization: Authorization,
    clock: FrozenClock,
    register: Callable[..., Any],
    place: tuple[str, str],
):
    site_id, station_id = place
    token = await register("CARD", limits=TokenLimits(sites=(site_id,), plugs=("cCCS2",)))
    assert (await start(database, authorization, clock, station_id)).is_accepted
    assert (await start(database, authorization, clock, "ELSEWHERE")).status is VerdictStatus.NOT_AT_THIS_LOCATION
    for limits, status in (
        (TokenLimits(plugs=("cType2",)), VerdictStatus.NOT_ALLOWED_TYPE_EVSE),
        (TokenLimits(hours=(Hours(start=time(13), end=time(15)),)), VerdictStatus.ACCEPTED),  # 14:00 in Kigali
        (TokenLimits(hours=(Hours(start=time(11), end=time(13)),)), VerdictStatus.NOT_AT_THIS_TIME),
        (TokenLimits(evses=(EvseRef(station_id=station_id, evse=7),)), VerdictStatus.NOT_AT_THIS_LOCATION),
    ):
        async with database.work() as work:
            await authorization.update_token(work, token.id, TokenDetails(value="CARD", limits=limits))
        assert (await authorization.get_token(token.id)).limits == limits
        assert (await start(database, authorization, clock, station_id)).status is status


async def test_an_emaid_is_the_same_however_it_is_written(
    database: Database, authorization: Authorization, clock: FrozenClock, register: Callable[..., Any]
):
    token = await register("DE-ABC-C12345678-X", kind="eMAID", concurrent_limit=None)
    for value, kind in (
        ("DEABCC12345678", "eMAID"),
        ("deabcc12345678x", "EMAID"),
        ("DE-ABC-C12345678", None),
    ):
        verdict = await start(database, authorization, clock, "S", token=PresentedToken(value=value, kind=kind))
        assert verdict.token_id == token.id
    card = PresentedToken(value="DEABCC12345678", kind="ISO14443")
    assert (await start(database, authorization, clock, "S", token=card)).status is VerdictStatus.UNKNOWN
    with pytest.raises(InvalidInput):
        await register("deabcc12345678", kind="EMAID")


async def test_the_narrower_rule_wins_field_by_field(
    database: Database,
    admitting: Admitting,
    authorization: Authorization,
    clock: FrozenClock,
    place: tuple[str, str],
):
    site_id, station_id = place
    free = PresentedToken(value="", kind="NoAuthorization")
    assert (await start(database, authorization, clock, station_id, token=free)).is_accepted
    await set_rule(database, admitting, RuleScope.NETWORK, allows_free=False, list_mode=ListMode.ALL)
    assert (await start(database, authorization, clock, station_id, token=free)).status is VerdictStatus.INVALID
    await set_rule(database, admitting, RuleScope.SITE, site_id, allows_free=True)
    assert (await start(database, authorization, clock, station_id, token=free)).is_accepted
    assert (await admitting.admission(station_id)).list_mode is ListMode.ALL
    await set_rule(database, admitting, RuleScope.STATION, station_id, list_mode=ListMode.NONE)
    holds = await admitting.admission(station_id)
    assert (holds.allows_free, holds.list_mode) == (True, ListMode.NONE)


async def test_a_rule_for_what_does_not_exist_is_refused(database: Database, admitting: Admitting):
    for scope in (RuleScope.SITE, RuleScope.STATION):
        with pytest.raises(NotFound):
            await set_rule(database, admitting, scope, "nothing")
    with pytest.raises(InvalidInput):
        await set_rule(database, admitting, RuleScope.NETWORK, list_mode=ListMode.GROUPS, list_groups=("nothing",))


@pytest.mark.parametrize(
    ("field", "details"),
    [
        ("charging_priority", {"charging_priority": 10}),
        ("second_language", {"second_language": "!"}),
        ("message", {"message": "x" * 600}),
        ("limits", {"limits": TokenLimits(sites=tuple(str(n) for n in range(300)))}),
        ("limits", {"limits": TokenLimits(hours=(Hours(days=(8,), start=time(1), end=time(2)),))}),
    ],
)
async def test_what_cannot_be_entered_is_refused_with_the_field(
    register: Callable[..., Any], field: str, details: dict[str, Any]
):
    with pytest.raises(InvalidInput) as refusal:
        await register("CARD", **details)
    assert refusal.value.field == field
