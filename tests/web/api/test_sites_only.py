"""Who looks after some sites sees and touches only what is there; all else is not found, as if it did not exist."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from ingufu.accounts.model import Role
from ingufu.authorization.model import Occasion, PresentedToken
from ingufu.infra.storage.statements import insert
from ingufu.stations.model import Attempt, AttemptOutcome
from ingufu.stations.tables import attempts, stations
from ingufu.web.docs.documents import document_bytes
from kept import Sent, keep
from web.api.conftest import House

DOCUMENT = json.loads(document_bytes())
NAMED = {"{station}", "{transaction_id}", "{site_id}"}
FOR_NETWORK = {"create_site", "delete_site", "switch_tariff"}  # refused whatever they name
BODIES: dict[str, dict[str, Any]] = {
    "set_password": {"password": "0123456789abcdef"},
    "set_boot_answer": {"boot_answer": "Pending"},
    "start": {"token": "X", "force": True},
    "unlock": {"evse": 1},
    "set_availability": {"availability": "inoperative"},
    "trigger": {"trigger": "boot"},
    "reserve": {"token": "X", "expires_at": "2026-03-02T00:00:00Z"},
    "switch_quirk": {"is_on": True},
    "read_variables": {"variables": [{"variable": "OCPPCommCtrlr.HeartbeatInterval"}]},
    "set_variables": {"values": [{"variable": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"}]},
    "desire": {"values": [{"variable": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"}]},
    "send_network_profile": {"url": "wss://csms.example/ocpp", "security_profile": 2},
    "set_network_priority": {"slots": [1]},
    "set_message": {"content": "Hello"},
    "set_priority": {"priority": 1},
    "use_priority_charging": {"is_active": True},
    "ask_sampling": {"occasion": "started"},
    "end_transaction": {"reason": "seen", "force": True},
    "set_site_evidence": {"demands_signatures": True},
}
QUERIES = {
    "list_variable_changes": {"variable": "OCPPCommCtrlr.HeartbeatInterval"},
    "get_transaction_what_if": {"tariff_id": "no such tariff"},
    "get_session_as_known": {"at": "2026-03-01T12:00:00Z"},
    "get_price_as_known": {"at": "2026-03-01T12:00:00Z"},
}
# What is here, but has no report, stream, profile or tariff, is running still, or a station that has to say more than the stand-in does.
NOTHING_YET = {
    "get_report", "adjust_stream", "list_stream_values", "send_network_profile", "set_network_priority", "ask_sampling",
    "read_variables", "set_variables", "use_priority_charging", "get_transaction_what_if", "rate_transaction", "get_price_as_known",
}  # fmt: skip


@dataclass
class Place:
    """A site with a station that has everything."""

    site: str
    station: str
    identity: str
    transaction: str

    def fill(self, path: str, *, by_identity: bool = False) -> str:
        station = self.identity if by_identity else self.station
        filled = path.replace("{station}", station).replace("{site_id}", self.site)
        return (
            filled.replace("{transaction_id}", self.transaction)
            .replace("{evse}", "1")
            .replace("{connector}", "1")
            .replace("{action}", "Reset")
            .replace("{number}", "1")
            .replace("{slot}", "1")
            .replace("{report}", "1")
        )


@dataclass
class Two:
    """Two sites, and a client of someone who looks after one of them."""

    ours: Place
    theirs: Place
    client: httpx.AsyncClient


@pytest.fixture
async def two(house: House, transaction: Any) -> Two:
    places = [await _place(house, transaction, name) for name in ("Kigali", "Huye")]
    await house.user(Role.OPERATOR, places[0].site)
    return Two(places[0], places[1], await house.log_in())


async def _place(house: House, transaction: Any, name: str) -> Place:
    site = await house.site(name)
    identity = f"CP-{name}"
    station = await house.station(identity, is_online=True, site_id=site)
    known = await transaction(station, reference=f"tx-{name}")
    now = house.clock.now()
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station, 1, 1)
        await house.services.authorization.check(
            work, PresentedToken(value=name), station_id=station, evse=1, at=now, occasion=Occasion.AUTHORIZE
        )
        text = f'[2,"{name}","MeterValues",{{"transactionId":"tx-{name}"}}]'
        keep(house.services.stations.frames, [Sent(now, station, text, f"c-{name}")])
        attempt = Attempt(
            id=house.services.ids.new(), at=now, listener="plain", address="192.0.2.1", identity=identity,
            station_id=station, outcome=AttemptOutcome.CONNECTED, last_at=now,
        )  # fmt: skip
        work.execute(insert(attempts), {column.name: getattr(attempt, column.name) for column in attempts.columns})
    return Place(site, station, identity, known)


def operations():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if any(name in path for name in NAMED) and operation["operationId"] not in FOR_NETWORK:
                yield method, path, operation["operationId"]


@pytest.mark.parametrize("by_identity", [False, True])
async def test_what_is_elsewhere_is_not_found(house: House, two: Two, by_identity: bool) -> None:
    before = await house.database.select(select(stations).where(stations.c.id == two.theirs.station))
    walked = 0
    for method, path, name in operations():
        target = two.theirs.fill(path, by_identity=by_identity)
        answer = await two.client.request(
            method, target, json=BODIES.get(name, {}) if method != "get" else None, params=QUERIES.get(name)
        )
        if name == "stop":
            continue  # its body lacks a transaction; see below
        assert answer.status_code == 404, f"{name}: {answer.status_code} {answer.text}"
        assert "Huye" not in answer.text.replace(two.theirs.identity, "")
        walked += 1
    assert walked >= 25
    stop = await two.client.post(
        f"/api/v1/stations/{two.theirs.station}/stop", json={"transaction": two.theirs.transaction}
    )
    assert stop.status_code == 404
    assert house.link.raw == house.link.commands == house.link.reloaded == house.link.disconnected == []
    assert await house.database.select(select(stations).where(stations.c.id == two.theirs.station)) == before


async def test_what_is_here_is_found(two: Two) -> None:
    for method, path, name in operations():
        if name in {"stop", "end_transaction", "delete_station", "refuse_station"}:
            continue
        answer = await two.client.request(
            method,
            two.ours.fill(path),
            json=BODIES.get(name, {}) if method != "get" else None,
            params=QUERIES.get(name),
        )
        if name in NOTHING_YET:
            assert answer.status_code not in {401, 403}, f"{name}: {answer.status_code} {answer.text}"
            continue
        assert answer.status_code < 300, f"{name}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize(
    "path",
    ["sites", "stations", "transactions", "frames", "connection-attempts", "events", "authorization-decisions"],
)
async def test_lists_hold_only_what_is_here(two: Two, admin, path: str) -> None:
    whole = (await admin.get(f"/api/v1/{path}")).text
    part = await two.client.get(f"/api/v1/{path}")
    assert part.status_code == 200
    assert "Huye" in whole
    assert two.theirs.station in whole or path == "sites"
    assert part.json()["items"]
    for secret in ("Huye", two.theirs.site, two.theirs.station, two.theirs.transaction):
        assert secret not in part.text


@pytest.mark.parametrize(
    "query",
    [
        "stations?site_id={site}", "stations?q=Huye", "transactions?station={station}", "transactions?site_id={site}",
        "frames?station={station}", "events?station={station}", "events?transaction_id={transaction}",
        "connection-attempts?station={station}", "authorization-decisions?station={station}", "sites?q=Huye",
        "frames?connection_id=c-Huye", "connection-attempts?identity=Huye",
    ],
)  # fmt: skip
async def test_filters_open_no_back_door(two: Two, query: str) -> None:
    place = two.theirs
    filled = query.format(site=place.site, station=place.station, transaction=place.transaction)
    assert (await two.client.get(f"/api/v1/{filled}")).json()["items"] == []


async def test_transaction_of_elsewhere_opens_no_frames(two: Two) -> None:
    assert (await two.client.get(f"/api/v1/frames?transaction_id={two.theirs.transaction}")).status_code == 404
    ours = await two.client.get(f"/api/v1/frames?transaction_id={two.ours.transaction}")
    assert [frame["message_id"] for frame in ours.json()["items"]] == ["Kigali"]


async def test_figures_count_only_what_is_here(two: Two) -> None:
    overview = (await two.client.get("/api/v1/overview")).json()
    assert (overview["stations"], overview["online"], overview["charging"], overview["today"]["sessions"]) == (
        1,
        1,
        1,
        1,
    )


async def test_nothing_can_be_placed_or_moved_elsewhere(house: House, two: Two) -> None:
    elsewhere = [two.theirs.site, None]
    for site_id in elsewhere:
        created = await two.client.post("/api/v1/stations", json={"identity": "NEW", "site_id": site_id})
        moved = await two.client.patch(f"/api/v1/stations/{two.ours.station}", json={"site_id": site_id})
        approved = await two.client.post(f"/api/v1/stations/{two.ours.station}/approve", json={"site_id": site_id})
        assert (created.status_code, moved.status_code, approved.status_code) == (403, 403, 403)
    assert (await two.client.post("/api/v1/stations", json={"identity": "NEW"})).status_code == 403
    here = await two.client.post("/api/v1/stations", json={"identity": "NEW", "site_id": two.ours.site})
    assert here.status_code == 201


@pytest.mark.parametrize("path", ["tokens", "groups", "drivers", "users", "api-keys", "audit", "organisations"])
async def test_what_concerns_the_whole_network_is_closed(two: Two, path: str) -> None:
    assert (await two.client.get(f"/api/v1/{path}")).status_code == 403


async def test_taking_a_site_away_closes_it_at_once(house: House, two: Two, admin) -> None:
    [user] = (await admin.get("/api/v1/users")).json()
    assert (await two.client.get(f"/api/v1/stations/{two.ours.station}")).status_code == 200
    grants = [{"role": "operator", "site_id": two.theirs.site}]
    assert (await admin.patch(f"/api/v1/users/{user['id']}", json={"grants": grants})).status_code == 200
    assert (await two.client.get(f"/api/v1/stations/{two.ours.station}")).status_code == 404
    assert (await two.client.get(f"/api/v1/stations/{two.theirs.station}")).status_code == 200
