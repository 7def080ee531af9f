"""What each page of the console and each list of the API is asked for: every route, with what fills its address.

The routes are the product's own, so that nothing new is left out: a page with a parameter that nobody has named here
ends the measurement.
"""

# ruff: noqa: S608 - every part of these queries is ours

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from ingufu.stations.frames import FRAME_IDS
from ingufu.web.console import assembly
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.declared import KEY, Route
from ingufu.web.docs import documents
from ingufu.web.openapi import API_PATH


def _most(column: str, table: str) -> str:
    """Return the query of the value that most rows have."""
    return f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"


_OPEN = "SELECT id FROM transactions WHERE is_open ORDER BY started_at LIMIT 1"
_BUSY = _most("station_id", "transactions")
_SITE = f"SELECT site_id FROM stations WHERE id = ({_BUSY})"
# What a parameter of an address stands for: a query of one row, or a word. The worst is taken, not the first.
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "station": _BUSY,
        "session": _OPEN,
        "transaction_id": _OPEN,
        "site_id": _SITE,
        "site": _SITE,
        "token_id": _most("token_id", "transactions"),
        "driver_id": _most("driver_id", "transactions"),
        "driver": _most("driver_id", "transactions"),
        "group_id": _most("group_id", "id_tokens"),
        "group": _most("group_id", "id_tokens"),
        "record_id": "SELECT id FROM charge_records ORDER BY issued_at DESC LIMIT 1",
        "document_id": "SELECT id FROM documents ORDER BY created_at DESC LIMIT 1",
        "entity_id": "SELECT id FROM legal_entities LIMIT 1",
        "tariff_id": _most("tariff_id", "charge_records"),
        "template": "SELECT id FROM templates ORDER BY priority LIMIT 1",
        "account_id": "SELECT id FROM ledger_accounts ORDER BY abs(balance) DESC LIMIT 1",
        "entry_id": "SELECT id FROM ledger_entries ORDER BY number DESC LIMIT 1",
        "frame": f"SELECT id * {FRAME_IDS} FROM frame_chunks WHERE station_id = ({_BUSY}) ORDER BY id DESC LIMIT 1",
        "key": "SELECT id FROM meter_keys LIMIT 1",
        "feed_id": "SELECT id FROM price_feeds LIMIT 1",
        "user_id": "SELECT id FROM users ORDER BY id LIMIT 1",
        "organisation_id": "SELECT id FROM organisations ORDER BY id LIMIT 1",
        "role_id": "viewer",
        "kind": "drivers",
        "identity": "SELECT identity FROM connection_attempts a WHERE station_id IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM stations s WHERE s.identity_key = lower(a.identity) AND s.approval = 'approved') "
        "AND identity IS NOT NULL",
        "occasion": "updated",
        "number": "1",
        "evse": "1",
    }
)
# Where a parameter means something else.
PLACES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "/stations/{station:str}/actions/{name:str}": {"name": "reset"},
        "/sessions/{session:str}/actions/{name:str}": {"name": "message"},
        "/audit/{entry_id:int}": {"entry_id": "SELECT max(id) FROM audit"},
        "/ledger/do/{job:str}": {"job": "top-up"},
        "/review-queue/{session:str}/decide": {"session": "SELECT transaction_id FROM review_items LIMIT 1"},
        "/stations/{station:str}/meter-keys/{key:str}/retire": {"station": "SELECT station_id FROM meter_keys LIMIT 1"},
    }
)
# Of what there is nothing in the network that is made.
ABSENT: Mapping[str, str] = MappingProxyType(
    {
        "/stations/{station:str}/commands/{name:str}/part": "it is a piece of a form, which is measured",
        "/runs/{run:str}": "bulk commands are kept in memory while they run",
        "/runs/{run:str}/results": "bulk commands are kept in memory while they run",
        "/runs/{run:str}/results.csv": "bulk commands are kept in memory while they run",
        "/imports/{upload_id:str}": "what is read in is kept in memory until it is confirmed",
        "/login/sso/{provider:str}": "no provider of identities is connected",
        "/login/sso/{provider:str}/callback": "no provider of identities is connected",
        "/customers/{customer_id:str}": "the network sells by receipts, and knows no customer by name",
        "/fiscal-devices/{device_id:str}": "no fiscal device is connected",
        "/ledger/reports/{report_id:str}": "no provider's report was read in",
    }
)
# Without which there is nothing to see.
NEEDED: Mapping[str, str] = MappingProxyType(
    {
        "/attempts/adopt": "identity={identity}",
        "/reset": "token={reset_token}",
        "/invitation": "token={invitation_token}",
    }
)
LINKS = frozenset({"reset_token", "invitation_token"})  # made for the occasion: they are good for hours
# What stands for the same where a site's host asks, who sees no other places.
_OWN = f"SELECT id FROM transactions WHERE station_id = ({_BUSY}) ORDER BY started_at DESC LIMIT 1"
_OWN_RECORD = f"FROM charge_records WHERE station_id = ({_BUSY}) ORDER BY issued_at DESC LIMIT 1"
OF_HOST: Mapping[str, str] = MappingProxyType(
    {
        "session": _OWN,
        "transaction_id": _OWN,
        "record_id": f"SELECT id {_OWN_RECORD}",
        "tariff_id": f"SELECT tariff_id {_OWN_RECORD}",
    }
)
# What people ask of the lists; `{name}` stands for a parameter of an address.
QUERIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "/stations": (
            "q=kgl&status=faulted&sort=-vendor",
            "site={site_id}&online=yes",
            "q=no-such-station",
            "sort=-last_seen_at",
        ),
        "/sessions": ("q=KGL-KIM-01", "q=Uwimana", "odd=yes&since=2026-01-01", "running=yes", "site={site_id}"),
        "/sessions/{session:str}": ("tariff={tariff_id}",),
        "/tokens": ("q=04A", "q=no-such-card", "blocked=yes", "group={group_id}"),
        "/drivers": ("q=uwimana", "q=no-such-driver"),
        "/attempts": ("cause=wrong-credentials", "q=KGL"),
        "/charge-records": ("q=KGL-KIM-01", "site={site_id}", "kind=credit"),
        "/invoices": ("q=000123", "kind=receipt&state=finalised", "kind=credit-note"),
        "/review-queue": ("state=closed", "q=KGL"),
        "/ledger/entries": ("kind=top-up", "q=top-up"),
        "/ledger/wallets": ("q=uwimana",),
        "/reservations": ("status=kept", "q=KGL"),
        "/configuration": ("state=waiting", "q=KGL"),
        "/tariffs/calculator": ("kwh=30&minutes=60&station={station}",),
        "/stations/{station:str}/log": ("action=Reset", "q=nothing-like-this"),
        "/stations/{station:str}/commands": ("action=SetChargingProfile",),
        "/search": ("q=KGL-KIM-01", "q=uwimana", "q=no-such-thing"),
        "/audit": ("q=uwimana", "action=station.create"),
        "/reports": ("span=month", "span=year", "span=30d&site={site_id}"),
        "/reports/stations": ("sort=sessions", "span=7d", "span=30d&site={site_id}"),
    }
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One address to measure."""

    route: str  # as the product declares it, with the path of console or API
    address: str
    is_page: bool
    is_list: bool = False  # its first page may lead to a deep one


def pages(path: Path, given: Mapping[str, str] = MappingProxyType({})) -> Iterator[Asked]:
    """Return every page of the console. Ends the program at a parameter that is not known here.

    What is `given` of parameters goes first: links, without which there are no pages of them, and what hosts may see.
    """
    with _Filler(path, given) as filler:
        for route in _gets(assembly.ROUTES):
            lacks = LINKS & set(_names(NEEDED.get(route.path, ""))) - given.keys()
            if route.path not in ABSENT and not lacks:
                yield from _variants(route, CONSOLE_PATH, filler, is_page=True)


def lists(path: Path, given: Mapping[str, str] = MappingProxyType({})) -> Iterator[Asked]:
    """Return every list of the REST API: what takes a limit. For `given`, see `pages`."""
    with _Filler(path, given) as filler:
        for route in _gets(documents.API_ROUTES):
            is_list = {"limit", "cursor"} <= _fields(route) and not route.path.endswith((".csv", ".parquet"))
            if is_list and filler.has_all(route.path):
                yield from _variants(route, API_PATH, filler, is_page=False)


def unknown_parameters() -> dict[str, list[str]]:
    """Return the parameters of pages that are not named here, by route: there must be none."""
    found: dict[str, list[str]] = {}
    for route in _gets(assembly.ROUTES):
        known = PARAMETERS.keys() | PLACES.get(route.path, {}).keys()
        missing = [name for name in _names(route.path) if name not in known]
        if missing and route.path not in ABSENT:
            found[route.path] = missing
    return found


def _variants(route: Route, root: str, filler: "_Filler", *, is_page: bool) -> Iterator[Asked]:
    address = root + filler.fill(route.path, route.path)
    address = address.removesuffix("/") if route.path == "/" else address
    needed = f"?{filler.fill(NEEDED[route.path], route.path)}" if is_page and route.path in NEEDED else ""
    yield Asked(route=root + route.path, address=address + needed, is_page=is_page, is_list="cursor" in _fields(route))
    for query in QUERIES.get(route.path, ()) if is_page else ():
        asked = f"{address}?{filler.fill(query, route.path)}"
        yield Asked(route=root + route.path, address=asked, is_page=True)


def _gets(handlers: Iterable[object]) -> Iterator[Route]:
    for handler in handlers:
        route: Route = handler.opt[KEY]  # type: ignore[attr-defined]  # of every handler (web.routes)
        if route.method == "GET":
            yield route


def _fields(route: Route) -> frozenset[str]:
    return frozenset() if route.query is None else frozenset(one.name for one in msgspec.structs.fields(route.query))


def _names(text: str) -> list[str]:
    return re.findall(r"\{(\w+)(?::\w+)?\}", text)


class _Filler:
    """Fills parameters in with what the database has."""

    def __init__(self, path: Path, given: Mapping[str, str]) -> None:
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._given = given
        self._known: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def has_all(self, path: str) -> bool:
        """Return whether every parameter of the address is known."""
        return all(name in PARAMETERS for name in _names(path))

    def fill(self, text: str, path: str) -> str:
        """Return the text with its parameters filled in. Ends the program at one that is not known."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: self._value(found[1], path), text)

    def _value(self, name: str, path: str) -> str:
        meant = PLACES.get(path, {}).get(name) or self._given.get(name) or PARAMETERS.get(name)
        if meant is None:
            raise SystemExit(f"{path}: name in tools/bench/page_samples.py what {name!r} stands for.")
        if meant not in self._known:
            self._known[meant] = self._asked(meant, path) if meant.startswith("SELECT") else meant
        return self._known[meant]

    def _asked(self, query: str, path: str) -> str:
        row = self._database.execute(query).fetchone()
        if row is None:
            raise SystemExit(f"{path}: the network has nothing for {query!r}.")
        return str(row[0])
