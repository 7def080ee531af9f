"""A walk over every operation of the document: without a credential, with too small a one, and with rubbish."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from ingufu.accounts.model import ROLE_SCOPES, Role
from ingufu.web.docs.documents import document_bytes
from web.api.conftest import House
from web.api.engines import both_engines
from web.api.test_audit import WITHOUT_ENTRY

DOCUMENT = json.loads(document_bytes())
SAFE = {"get"}
ENDLESS = {"listen"}  # it streams: test_live hears it
WITHOUT_SCOPE = {  # what everyone may who is known
    "log_out", "change_own_password", "create_saved_view", "order_saved_views", "update_saved_view", "delete_saved_view",
    "update_me", "begin_my_app", "confirm_my_app", "remove_my_app", "renew_my_codes", "ask_my_passkey", "add_my_passkey",
    "name_my_passkey", "remove_my_passkey", "end_my_login", "end_my_other_logins",
}  # fmt: skip
CHANGES_NOTHING = {"preview_price"}  # asked by POST, because of its length
RUBBISH = (
    "", " ", "\x00", "%00", "..%2F..%2Fetc%2Fpasswd", "' OR 1=1 --", "<script>alert(1)</script>", "=1+1", "\U0001f50c",
    "x" * 3000, "-1", "0", "1e309", "NaN", "null", "true", "9" * 40, "2026-02-30T25:61:61Z", "{}", "[]", "\ud800",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *RUBBISH, None, True, -1, 0, 2**31, 2**63, 2**64, -(2**63) - 1, 1.5, 1e308, [], {}, [[]], {"a": {"b": []}}, ["x"] * 3,
)  # fmt: skip
MAY_DO_NOTHING = WITHOUT_ENTRY | {"accept_proposals"}  # of sessions that none waits of
ROUNDS = 6


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def filled(path: str, value: str) -> str:
    return re.sub(r"\{\w+\}", lambda _: value, path)


def is_problem(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/problem+json"


async def test_without_a_credential_every_operation_is_closed(house: House) -> None:
    client = house.client()
    walked = 0
    for method, path, operation in operations():
        if operation.get("security") == []:
            continue
        answer = await client.request(method, filled(path, "1"), content=b"{}")
        assert answer.status_code == 401, f"{method} {path}: {answer.status_code} {answer.text}"
        assert is_problem(answer)
        walked += 1
    assert walked > 70


async def test_little_is_open_to_everyone() -> None:
    public = {operation["operationId"] for _, _, operation in operations() if operation.get("security") == []}
    assert public == {
        "log_in", "log_in_second", "ask_passkey", "log_in_by_passkey", "list_sign_in_providers", "forget_password",
        "reset_password", "ask_invitation_passkey", "accept_invitation", "get_liveness", "get_health", "get_metrics",
    }  # fmt: skip


async def test_viewer_changes_nothing(house: House) -> None:
    await house.station("CP1", is_online=True)
    client = house.client(await house.key(*ROLE_SCOPES[Role.VIEWER]))
    for method, path, operation in operations():
        if method in SAFE or operation.get("security") == [] or operation["operationId"] in WITHOUT_SCOPE:
            continue
        if operation["operationId"] in CHANGES_NOTHING:
            continue
        answer = await client.request(method, filled(path, "1"), content=b"{}")
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code} {answer.text}"
        assert is_problem(answer)
    assert house.link.commands == house.link.raw == []


@both_engines
@pytest.mark.parametrize("seed", [1, 2])
async def test_rubbish_is_refused_and_never_breaks_anything(house: House, admin, seed: int) -> None:
    chance = random.Random(seed)
    station = await house.station("CP1", is_online=True)
    for method, path, operation in operations():
        if operation["operationId"] in ENDLESS:
            continue
        for _ in range(ROUNDS):
            request = _request(chance, method, path, operation, station)
            answer = await admin.send(admin.build_request(**request))
            assert answer.status_code < 500, f"{request}: {answer.status_code} {answer.text}"
            if answer.status_code >= 400:
                assert is_problem(answer), request
                assert answer.json()["request_id"]


@both_engines
@pytest.mark.parametrize("seed", [1, 2])
async def test_bodies_that_are_nearly_right_never_break_anything(house: House, admin, seed: int) -> None:
    """Begin with what the schema asks for and spoil one place, so that the checks behind the shape are met, too."""
    chance = random.Random(seed)
    station = await house.station("CP1", is_online=True)
    site = await house.site("Kigali")
    changed: dict[str, str] = {}  # by the id of the request: which operation succeeded
    for method, path, operation in operations():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if not schema:
            continue
        for _ in range(ROUNDS):
            body = _sample(chance, schema)
            if isinstance(body, dict) and body and chance.random() < 0.6:
                body[chance.choice(sorted(body))] = chance.choice([*VALUES, station, site])
            target = filled(path, chance.choice([station, site, "CP1", "1"]))
            answer = await admin.request(method, target, content=_encoded(body), headers=_JSON)
            assert answer.status_code < 500, f"{method} {target} {body!r}: {answer.status_code} {answer.text}"
            if answer.status_code < 300 and operation["operationId"] not in MAY_DO_NOTHING:
                changed[answer.headers["x-request-id"]] = operation["operationId"]
    told = {one.request_id for one in await house.services.accounts.audit_trail(limit=1000)}
    assert {name for request_id, name in changed.items() if request_id not in told} == set()


_JSON = {"Content-Type": "application/json"}


def _request(chance: random.Random, method: str, path: str, operation: dict[str, Any], station: str) -> dict[str, Any]:
    value = chance.choice([*(text for text in RUBBISH if text), station, "CP1", "1"])
    target = filled(path, quote(_plain(value), safe=""))
    names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
    query = {
        name: _plain(chance.choice(RUBBISH)) for name in chance.sample(names, min(len(names), chance.randint(0, 3)))
    }
    body = b"" if method in SAFE else chance.choice([b"", b"{", b"\xff\xfe", b"[]", _encoded(_any(chance, 3))])
    return {"method": method.upper(), "url": f"{target}?{urlencode(query)}", "content": body, "headers": _JSON}


def _plain(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _any(chance: random.Random, depth: int) -> Any:
    if depth and chance.random() < 0.5:
        return {_plain(chance.choice(RUBBISH)): _any(chance, depth - 1) for _ in range(chance.randint(0, 4))}
    return chance.choice(VALUES)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def _sample(chance: random.Random, schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return _sample(chance, chance.choice(schema["anyOf"]))
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", [])
        return {
            name: _sample(chance, field)
            for name, field in schema.get("properties", {}).items()
            if name in required or chance.random() < 0.5
        }
    if kind == "array":
        return [
            _sample(chance, schema.get("items", {}))
            for _ in range(max(schema.get("minItems", 0), chance.randint(0, 2)))
        ]
    if kind == "string":
        text = chance.choice(
            ["Kigali", "keza@example.org", "Africa/Kigali", "RW", "en", "' OR 1=1 --", "<b>x</b>", "é" * 20]
        )
        if schema.get("format") == "date-time":
            return chance.choice(["2026-03-02T12:00:00Z", "2026-03-02T12:00:00+02:00"])
        return (text + "abcdefghijklmnop" * (1 if schema.get("minLength", 0) > 10 else 0))[
            : schema.get("maxLength", 999)
        ]
    if kind in {"integer", "number"}:
        return chance.choice([schema.get("minimum", 0), schema.get("maximum", 5), 1])
    return chance.choice([True, False]) if kind == "boolean" else None
