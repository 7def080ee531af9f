"""Sessions that an operator ends over HTTP, as their station never will."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from charging.stations import Station, reading
from ingufu.accounts.model import Role, Scope
from web.api.conftest import House
from web.api.engines import both_engines

REASON = {"reason": "The station burnt down"}


@pytest.fixture
async def own(house: House) -> Station:
    """A station that told of a session for half an hour, and of nothing for three hours since."""
    station = Station(house.database, house.services.charging, house.clock, await house.station("CP1"), "2.0.1")
    await station.start(reference="TX-1", seq=0, minute=0, readings=(reading(station.at(0), 0),))
    await station.read(reading(station.at(30), 500), reference="TX-1")
    house.clock.advance(timedelta(hours=3).total_seconds())
    return station


async def path_of(station: Station) -> str:
    return f"/api/v1/transactions/{(await station.row('TX-1')).id}"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@both_engines
async def test_a_session_is_ended_and_says_by_whom_and_why(
    house: House, admin: httpx.AsyncClient, own: Station
) -> None:
    path = await path_of(own)
    answer = await admin.post(f"{path}/end", json=REASON)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["is_open"], told["is_estimated"], told["energy_wh"]) == (False, True, "500")
    assert instant(told["ended_at"]) == own.at(30)
    (odd,) = (await admin.get(f"{path}/anomalies")).json()
    assert (odd["kind"], odd["detail"]) == ("lost-end", "An operator ended it: The station burnt down")
    (noted,) = await house.services.accounts.audit_trail(action="transaction.end")
    assert (noted.actor_name, noted.object_id) == ("test", told["id"])
    assert noted.details == {"reason": "The station burnt down", "ended_at": told["ended_at"], "force": False}
    assert house.link.reloaded == [own.id]
    assert house.link.commands == []
    judged = await house.services.evidence.judge(told["id"])
    assert judged.standing.value == "review"


@both_engines
async def test_of_two_who_end_it_at_once_one_does(house: House, admin: httpx.AsyncClient, own: Station) -> None:
    path = await path_of(own)
    answers = await asyncio.gather(*(admin.post(f"{path}/end", json=REASON) for _ in range(2)))
    assert sorted(one.status_code for one in answers) == [200, 409]
    (refused,) = [one for one in answers if one.status_code == 409]
    assert refused.json()["detail"] == "The transaction has ended already."
    assert len(await house.services.accounts.audit_trail(action="transaction.end")) == 1
    assert (await admin.post(f"{path}/end", json=REASON | {"force": True})).status_code == 409


async def test_the_same_request_again_has_the_same_answer(admin: httpx.AsyncClient, own: Station) -> None:
    path, once = await path_of(own), {"Idempotency-Key": "end-1"}
    first, again = [await admin.post(f"{path}/end", json=REASON, headers=once) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


async def test_it_ends_when_it_is_said(admin: httpx.AsyncClient, own: Station) -> None:
    path = await path_of(own)
    for wrong in (own.at(29), own.at(181)):
        answer = await admin.post(f"{path}/end", json=REASON | {"ended_at": wrong.isoformat()})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "ended_at"), answer.text
    answer = await admin.post(f"{path}/end", json=REASON | {"ended_at": own.at(45).isoformat()})
    assert instant(answer.json()["ended_at"]) == own.at(45)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 401}, REASON | {"ended_at": "2026-03-01T12:00:00"},
        REASON | {"ended_at": "soon"}, REASON | {"force": "yes"}, REASON | {"at": None},
    ],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused(admin: httpx.AsyncClient, own: Station, body: dict[str, Any]) -> None:
    path = await path_of(own)
    assert (await admin.post(f"{path}/end", json=body)).status_code == 422
    assert (await own.row("TX-1")).is_open


async def test_what_may_still_run_is_ended_by_force_alone(house: House, admin: httpx.AsyncClient) -> None:
    id_ = await house.station("CP2", is_online=True)
    station = Station(house.database, house.services.charging, house.clock, id_, "2.0.1")
    await station.start(reference="TX-1", seq=0, minute=0)
    house.clock.advance(timedelta(minutes=59).total_seconds())
    path = await path_of(station)
    answer = await admin.post(f"{path}/end", json=REASON)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await station.row("TX-1")).is_open
    assert (await admin.post(f"{path}/end", json=REASON | {"force": True})).status_code == 200
    assert not (await station.row("TX-1")).is_open


async def test_what_a_connected_station_was_silent_about_for_an_hour_needs_no_force(
    house: House, admin: httpx.AsyncClient, transaction: Callable[..., Any]
) -> None:
    id_ = await transaction(await house.station("CP2", is_online=True), reference="TX-1")
    house.clock.advance(timedelta(minutes=60).total_seconds())
    assert (await admin.post(f"/api/v1/transactions/{id_}/end", json=REASON)).status_code == 200


async def test_what_a_station_that_is_away_told_just_now_needs_no_force(
    house: House, admin: httpx.AsyncClient, transaction: Callable[..., Any]
) -> None:
    id_ = await transaction(await house.station("CP2"), reference="TX-1")
    assert (await admin.post(f"/api/v1/transactions/{id_}/end", json=REASON)).status_code == 200


async def test_the_real_end_counts_whenever_it_comes(admin: httpx.AsyncClient, own: Station) -> None:
    path = await path_of(own)
    await admin.post(f"{path}/end", json=REASON)
    last = reading(own.at(120), 9000, context="Transaction.End")
    await own.end(reference="TX-1", seq=1, minute=120, stop_reason="EVDisconnected", readings=(last,))
    told = (await admin.get(path)).json()
    assert (told["is_estimated"], told["energy_wh"], told["anomaly_count"]) == (False, "9000", 0)
    assert instant(told["ended_at"]) == own.at(120)


async def test_who_may_not_stop_it_may_not_end_it(house: House, own: Station) -> None:
    path = await path_of(own)
    reader = house.client(await house.key(Scope.TRANSACTIONS_READ, Scope.MONEY_WRITE, Scope.STATIONS_WRITE))
    assert (await reader.post(f"{path}/end", json=REASON)).status_code == 403
    await house.user(Role.OPERATOR, await house.site("Elsewhere"))
    elsewhere = await house.log_in()
    assert (await elsewhere.post(f"{path}/end", json=REASON)).status_code == 404
    assert (await own.row("TX-1")).is_open
