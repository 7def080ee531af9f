"""The audit trail over the API: what is kept of each change, who may read it, and whether it is whole."""

import csv
import inspect
import io
import json
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from pyarrow import parquet

from ingufu.accounts.model import ROLE_SCOPES, Role, Scope
from ingufu.web.api import ROUTES
from ingufu.web.declared import KEY, SAFE_METHODS
from ingufu.web.routes import function_of
from web.api.conftest import House
from web.api.engines import both_engines

# What changes nothing that lasts, or is told of otherwise.
WITHOUT_ENTRY = {
    "preview_price",  # asked by POST because of its length
    "preview_import",  # likewise, a file
    "ask_passkey", "ask_my_passkey", "ask_invitation_passkey", "begin_my_app",  # the next step is told of
    "forget_password",  # by nobody that is known; the use of the link is told of
    "order_saved_views",  # for oneself alone, on one's own page
    "start_import",  # each row is told of by `importing.writing.note_import`
}  # fmt: skip
_WRITERS = {"note", "_note", "audit", "begin_audit_anew"}


async def test_change_is_told_with_who_from_where_before_and_after(house: House, admin) -> None:
    site = (await admin.post("/api/v1/sites", json={"name": "Kigali"})).json()["id"]
    answer = await admin.patch(f"/api/v1/sites/{site}", json={"name": "Kigali Heights", "city": "Kigali"})
    assert answer.status_code == 200, answer.text
    [entry, made] = (await admin.get(f"/api/v1/audit?object_id={site}")).json()["items"]
    assert entry["changes"]["name"] == {"before": "Kigali", "after": "Kigali Heights"}
    assert set(entry["changes"]) == {"name", "city"}
    assert (entry["door"], entry["address"], entry["actor_kind"]) == ("api", "127.0.0.1", "key")
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert made["changes"]["name"] == {"before": None, "after": "Kigali"}
    one = (await admin.get(f"/api/v1/audit/{entry['id']}")).json()
    assert one["changes"] == entry["changes"]
    assert (await admin.get("/api/v1/audit/999999")).status_code == 404


async def test_password_is_told_as_a_change_without_what_it_was(house: House, admin) -> None:
    await house.station("CP1")
    secret = "a-very-secret-password"
    assert (await admin.put("/api/v1/stations/CP1/password", json={"password": secret})).status_code == 204
    [entry] = (await admin.get("/api/v1/audit?action=station.password")).json()["items"]
    assert entry["changes"] == {"password": {"before": None, "after": "***"}}


async def test_revoked_key_says_since_when(admin) -> None:
    made = (await admin.post("/api/v1/api-keys", json={"name": "wallboard", "scopes": ["stations:read"]})).json()
    key = made.get("key", made)["id"]
    assert (await admin.delete(f"/api/v1/api-keys/{key}")).status_code == 204
    [entry] = (await admin.get("/api/v1/audit?action=key.revoke")).json()["items"]
    assert set(entry["changes"]) == {"revoked_at"}
    assert entry["changes"]["revoked_at"]["before"] is None


@both_engines
async def test_entries_are_found_by_every_filter(house: House, admin) -> None:
    site = (await admin.post("/api/v1/sites", json={"name": "Musanze 100%"})).json()["id"]
    await admin.post("/api/v1/stations", json={"identity": "CP1", "site_id": site})
    viewer = house.client(await house.key(*ROLE_SCOPES[Role.VIEWER]))
    refused = await viewer.post("/api/v1/sites", json={"name": "No"})
    assert refused.status_code == 403

    async def found(**query: Any) -> list[str]:
        answer = await admin.get("/api/v1/audit", params=query)
        assert answer.status_code == 200, answer.text
        return [one["action"] for one in answer.json()["items"]]

    assert await found(object_kind="site", object_id=site) == ["site.create"]
    assert await found(action="station.create") == ["station.create"]
    assert await found(is_refused=True) == ["post /sites"]
    assert await found(q="musanze 100%") == ["site.create"]
    assert await found(q=site) == ["station.create", "site.create"]
    assert await found(q="100%_") == []
    assert await found(actor="TES", is_refused=False) == ["station.create", "site.create"]
    assert await found(address="127.0.0.1", door="api", actor_kind="key", object_kind="station") == ["station.create"]
    assert await found(address="192.0.2.1") == []
    assert await found(request_id=refused.headers["x-request-id"]) == ["post /sites"]
    now = house.clock.now().isoformat().replace("+00:00", "Z")
    assert await found(until=now) == []
    assert len(await found(since=now)) == 3
    assert await found(since=now, until=now) == []


async def test_search_for_words_goes_on_where_a_page_ended(house: House, admin, monkeypatch) -> None:
    monkeypatch.setattr("ingufu.accounts.trail_store.LOOKED_THROUGH", 2)
    for name in ("Huye", "Rubavu", "Rusizi", "Nyanza", "Muhanga"):
        await admin.post("/api/v1/sites", json={"name": name})
    names, cursor, pages = [], "", 0
    while cursor is not None:
        query = {"q": "huye", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/v1/audit", params=query)).json()
        names += [one["changes"]["name"]["after"] for one in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert names == ["Huye"]
    assert pages == 3


async def test_auditor_reads_the_trail_and_others_do_not(house: House) -> None:
    auditor = house.client(await house.key(*ROLE_SCOPES[Role.AUDITOR]))
    operator = house.client(await house.key(*(set(Scope) - {Scope.AUDIT_READ})))
    for path in ("audit", "audit/1", "audit/verification", "audit/export.csv", "audit/export.parquet"):
        assert (await operator.get(f"/api/v1/{path}")).status_code == 403
        assert (await auditor.get(f"/api/v1/{path}")).status_code in {200, 404}
    assert (await auditor.post("/api/v1/audit/begin-anew", json={"reason": "because"})).status_code == 403


async def test_trail_is_exported_and_the_export_is_told_of(house: House, admin) -> None:
    await admin.post("/api/v1/sites", json={"name": "=Kigali"})
    await house.services.accounts.seal_audit()
    as_csv = await admin.get("/api/v1/audit/export.csv?action=site.create")
    [row] = csv.DictReader(io.StringIO(as_csv.text.removeprefix("\ufeff")))
    assert (row["action"], row["number"], json.loads(row["changes"])["name"]["after"]) == (
        "site.create",
        "1",
        "=Kigali",
    )
    as_parquet = await admin.get("/api/v1/audit/export.parquet")
    table = parquet.read_table(io.BytesIO(as_parquet.content)).to_pylist()
    assert [one["action"] for one in table] == ["audit.export", "site.create"]
    entries = (await admin.get("/api/v1/audit?action=audit.export")).json()["items"]
    assert [one["details"]["form"] for one in entries] == ["parquet", "csv"]
    assert entries[1]["details"]["query"] == {"action": "site.create"}


async def figure(house: House, name: str) -> float:
    text = (await house.client().get("/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return float(line.rpartition(" ")[2])


async def test_broken_trail_is_told_by_the_api_and_the_figures(house: House, admin) -> None:
    await admin.post("/api/v1/sites", json={"name": "Kigali"})
    await house.services.accounts.seal_audit()
    found = (await admin.get("/api/v1/audit/verification")).json()
    assert (found["is_whole"], found["head_number"]) == (True, 1)
    anchor = f"{found['head_number']}:{found['head_seal']}"
    assert (await admin.get("/api/v1/audit/verification", params={"anchor": anchor})).json()["is_whole"]
    other = await admin.get("/api/v1/audit/verification", params={"anchor": "1:" + "0" * 64})
    assert [flaw["kind"] for flaw in other.json()["flaws"]] == ["order"]
    assert (await admin.get("/api/v1/audit/verification", params={"anchor": "x"})).status_code == 422
    assert await figure(house, "ingufu_audit_broken") == 0
    house.services.accounts.__dict__["_trail_key"] = lambda: b"k" * 32  # a restored database without its key
    found = (await admin.get("/api/v1/audit/verification")).json()
    assert [flaw["kind"] for flaw in found["flaws"]] == ["key"]
    assert await figure(house, "ingufu_audit_broken") == 1
    anew = await admin.post("/api/v1/audit/begin-anew", json={"reason": "The key was lost in the move."})
    assert anew.json()["is_whole"], anew.text


@pytest.mark.parametrize(
    "handler",
    [handler for handler in ROUTES if handler.opt[KEY].method not in SAFE_METHODS],
    ids=lambda handler: handler.opt[KEY].name,
)
def test_every_change_has_its_entry(handler) -> None:
    """Follow what an operation calls within the web and the domain until something writes to the trail."""
    function = function_of(handler)
    if function.__name__ in WITHOUT_ENTRY:
        return
    assert _notes(function, set(), 4), f"{function.__module__}.{function.__name__} leaves no entry in the audit trail"


def _notes(function: Callable[..., Any], seen: set[str], depth: int) -> bool:
    seen.add(f"{function.__module__}.{function.__qualname__}")
    names = _names(function.__code__)
    if names & _WRITERS:
        return True
    known = [function.__globals__.get(name) for name in names]
    places = [one for one in known if inspect.ismodule(one)]
    known += [getattr(place, name, None) for place in places for name in names]
    called = [function_of(one) if isinstance(one, HTTPRouteHandler) else one for one in known]
    ours = [one for one in called if inspect.isfunction(one) and one.__module__.startswith("ingufu.web")]
    return bool(depth) and any(
        _notes(one, seen, depth - 1) for one in ours if f"{one.__module__}.{one.__qualname__}" not in seen
    )


def _names(code: CodeType) -> set[str]:
    """Return the names that a function and those within it use."""
    return set(code.co_names).union(*(_names(one) for one in code.co_consts if isinstance(one, CodeType)))
