"""Writes that are repeated: done once, answered alike, whatever goes wrong between."""

import asyncio

from sqlalchemy import select, update

from ingufu.accounts.tables import idempotency
from ingufu.core.commands import RawReply, ReplyKind
from ingufu.stations.tables import stations
from web.api.conftest import House
from web.api.engines import both_engines

KEY = {"Idempotency-Key": "8f14e45f-ceea"}


async def count_stations(house: House) -> int:
    return len(await house.database.select(select(stations.c.id)))


@both_engines
async def test_repetition_gets_the_first_answer_and_does_nothing(house: House, admin) -> None:
    first = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    again = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await count_stations(house) == 1


async def test_refusal_is_repeated_too(house: House, admin) -> None:
    await house.station("CP1")
    first = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    again = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["request_id"] == first.json()["request_id"]


async def test_same_key_for_something_else_is_refused(house: House, admin) -> None:
    await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    other_body = await admin.post("/api/v1/stations", json={"identity": "CP2"}, headers=KEY)
    other_path = await admin.post("/api/v1/sites", json={"identity": "CP1"}, headers=KEY)
    other_query = await admin.post("/api/v1/stations?x=1", json={"identity": "CP1"}, headers=KEY)
    for answer in (other_body, other_path, other_query):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-mismatch")
    assert await count_stations(house) == 1


async def test_keys_of_different_callers_have_nothing_to_do_with_each_other(house: House, admin) -> None:
    other = house.client(await house.key())
    await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    answer = await other.post("/api/v1/stations", json={"identity": "CP2"}, headers=KEY)
    assert answer.status_code == 201


async def test_repetition_while_the_first_is_worked_on_is_refused(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    house.link.gate = asyncio.Event()
    first = asyncio.create_task(admin.post("/api/v1/stations/CP1/reset", json={}, headers=KEY))
    async with asyncio.timeout(10):
        while not house.link.commands:
            await asyncio.sleep(0.005)
    second = await admin.post("/api/v1/stations/CP1/reset", json={}, headers=KEY)
    assert (second.status_code, second.json()["code"]) == (409, "request-in-progress")
    house.link.gate.set()
    assert (await first).status_code == 200
    third = await admin.post("/api/v1/stations/CP1/reset", json={}, headers=KEY)
    assert third.status_code == 200
    assert len(house.link.commands) == 1


async def test_command_is_sent_once_though_asked_twice(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    house.link.replies["Reset"] = RawReply(kind=ReplyKind.TIMEOUT)
    for _ in range(2):
        answer = await admin.post("/api/v1/stations/CP1/commands/Reset", content=b'{"type":"Hard"}', headers=KEY)
        assert answer.json()["kind"] == "timeout"
    assert len(house.link.raw) == 1
    assert house.link.raw[0][2] == b'{"type":"Hard"}'


async def test_what_was_never_tried_may_be_tried_again(house: House, admin) -> None:
    malformed = await admin.post("/api/v1/stations", content=b"{", headers=KEY)
    assert malformed.status_code == 400
    right = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    assert right.status_code == 201


async def test_secret_is_not_kept_for_repetitions(house: House, admin) -> None:
    body = {"name": "meter", "scopes": ["stations:read"]}
    first = await admin.post("/api/v1/api-keys", json=body, headers=KEY)
    again = await admin.post("/api/v1/api-keys", json=body, headers=KEY)
    assert (again.status_code, again.json()["code"]) == (409, "secret-shown-once")
    rows = await house.database.select(select(idempotency))
    assert first.json()["secret"] not in str(rows)
    assert len((await admin.get("/api/v1/api-keys")).json()) == 2


@both_engines
async def test_request_that_died_with_its_process_is_done_anew_after_a_while(house: House, admin) -> None:
    await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    async with house.database.work() as work:  # as a crash between commit and answer leaves it
        work.execute_once(update(idempotency).values(status=0, body=""))
    early = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    assert early.json()["code"] == "request-in-progress"
    house.clock.advance(121)
    late = await admin.post("/api/v1/stations", json={"identity": "CP1"}, headers=KEY)
    assert (late.status_code, late.json()["code"]) == (409, "conflict"), "it meets its own traces"
    assert await count_stations(house) == 1


async def test_key_that_is_none_is_refused(house: House, admin) -> None:
    for key in ("with space", "x" * 256, "\xe9"):
        answer = await admin.post(
            "/api/v1/stations", json={"identity": "A"}, headers={"Idempotency-Key": key.encode("latin-1")}
        )
        assert answer.status_code == 400
