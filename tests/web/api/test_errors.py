"""Errors as people and programs meet them: one form, no internals, nothing hostile taken in."""

import asyncio
from urllib.parse import urlsplit

import pytest

from ingufu.core.errors import IngufuError
from ingufu.web import errors
from web.api.conftest import House
from web.api.engines import both_engines


def is_problem(answer) -> bool:
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and body["status"] == answer.status_code
        and body["type"] == f"urn:ingufu:error:{body['code']}"
        and body["request_id"] == answer.headers["x-request-id"]
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "no-such-address"),
        ("GET", "/nothing", 404, "no-such-address"),
        ("PUT", "/api/v1/stations", 405, "method-not-allowed"),
        ("GET", "/api/v1/stations/CP9", 404, "not-found"),
        ("GET", "/api/v1/stations?limit=0", 422, "invalid-input"),
        ("GET", "/api/v1/stations?limit=ten", 422, "invalid-input"),
        ("GET", "/api/v1/stations?vendro=ABB", 422, "invalid-input"),
        ("GET", "/api/v1/stations?limit=1&limit=2", 422, "invalid-input"),
        ("GET", "/api/v1/stations?cursor=bm9uc2Vuc2U", 422, "invalid-input"),
        ("GET", "/api/v1/transactions?since=yesterday", 422, "invalid-input"),
        ("GET", "/api/v1/transactions?since=2026-03-01T12:00:00", 422, "invalid-input"),
        ("GET", "/api/v1/audit?cursor=x", 422, "invalid-input"),
        ("GET", "/api/v1/stations/CP1/evses/one", 404, "no-such-address"),
    ],
)
async def test_every_refusal_is_a_problem(house: House, admin, method, path, status, code) -> None:
    answer = await admin.request(method, path)
    assert is_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_address_that_knows_not_the_method_says_which_it_knows(house: House, admin) -> None:
    answer = await admin.put("/api/v1/stations")
    assert {"GET", "POST"} <= set(answer.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"identity":"CP1","security_profile":7}', "security_profile"),
        (b'{"identity":"CP1","colour":"x"}', "body"),
        (b'{"identity":5}', "identity"),
        (b"{}", "body"),
        (b'{"identity":"CP1","password":"short"}', "password"),
        (b'{"identity":"a/b"}', "identity"),
        (b'{"identity":"CP1","site_id":"nowhere"}', "site_id"),
    ],
)
async def test_validation_names_the_field(house: House, admin, body: bytes, field: str) -> None:
    answer = await admin.post("/api/v1/stations", content=body)
    assert is_problem(answer)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b'{"identity":"\xff"}', b"\x00", b"[" * 5000 + b"]" * 5000])
async def test_body_that_is_no_json_is_malformed(house: House, admin, body: bytes) -> None:
    answer = await admin.post("/api/v1/stations", content=body)
    assert is_problem(answer)
    assert answer.status_code in {400, 422}


async def test_body_of_another_kind_is_refused(house: House, admin) -> None:
    answer = await admin.post(
        "/api/v1/stations", content=b"identity=CP1", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_body_that_is_too_large_is_refused(house: House, admin) -> None:
    large = b'{"identity":"' + b"x" * 1_100_000 + b'"}'
    for headers in ({}, {"Idempotency-Key": "k"}):
        answer = await admin.post("/api/v1/stations", content=large, headers=headers)
        assert is_problem(answer)
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_body_that_grows_too_large_without_saying_so_is_refused(house: House, admin) -> None:
    async def parts():
        for _ in range(20):
            yield b"x" * 100_000

    answer = await admin.post("/api/v1/stations", content=parts())
    assert answer.status_code == 413


async def test_body_that_never_ends_is_given_up(house: House, admin, monkeypatch) -> None:
    monkeypatch.setattr("ingufu.web.reading.BODY_TIMEOUT_S", 0.1)
    address = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = await house.key()
    writer.write(
        f"POST /api/v1/stations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
    )
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert status.split()[1] == b"408"


async def test_bug_shows_nothing_of_itself(house: House, admin, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret internals")

    monkeypatch.setattr(house.services.stations, "create", fail)
    answer = await admin.post("/api/v1/stations", json={"identity": "CP1"})
    assert is_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "internals" not in answer.text


async def test_request_keeps_the_id_it_came_with_if_that_is_sane(house: House, admin) -> None:
    kept = await admin.get("/api/v1/me", headers={"X-Request-Id": "trace-12345678"})
    assert kept.headers["x-request-id"] == "trace-12345678"
    replaced = await admin.get("/api/v1/me", headers={"X-Request-Id": "<script>"})
    assert replaced.headers["x-request-id"] != "<script>"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/nothing", "/api/docs", "/health"])
async def test_every_answer_protects_its_reader(house: House, admin, path: str) -> None:
    headers = (await admin.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_every_error_of_the_house_that_an_edge_can_meet_has_a_status() -> None:
    unmapped = {"error", "settings", "schema-mismatch"}  # the root; and what stops the start
    found = {kind.code for kind in _kinds(IngufuError)}
    assert found - unmapped <= {kind.code for kind in errors.STATUSES}


def test_codes_are_told_apart() -> None:
    codes = [kind.code for kind in errors.STATUSES]
    assert len(codes) == len(set(codes))


def _kinds(kind):
    yield kind
    for one in kind.__subclasses__():
        if one.__module__.startswith("ingufu.core") or one.__module__ == "ingufu.web.errors":
            yield from _kinds(one)


@both_engines
@pytest.mark.parametrize(
    "path", ["transactions", "frames", "events", "connection-attempts", "authorization-decisions", "audit"]
)
@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
)
async def test_absurd_times_find_nothing_or_everything(house: House, admin, path: str, at: str) -> None:
    await admin.post("/api/v1/sites", json={"name": "Kigali"})
    for name in ("since", "until"):
        answer = await admin.get(f"/api/v1/{path}", params={name: at})
        assert answer.status_code in {200, 422}, answer.text
