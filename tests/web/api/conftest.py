"""A running web process for each test: real HTTP over a socket, real storage, and a recording link behind the bus."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import argon2
import httpx
import msgspec
import pytest
from litestar import Litestar

from conftest import run_sql
from ingufu.accounts.model import OrganisationKind, Role, RoleGrant, Scope
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in.model import Provider, SignInRules
from ingufu.accounts.sign_in.service import SignIn
from ingufu.authorization.service import Admitting, Authorization, LocalLists
from ingufu.billing.evidence.service import Evidence
from ingufu.billing.fiscal.wiring import money
from ingufu.billing.invoices.service import LegalEntities
from ingufu.billing.records.model import RecordRules
from ingufu.billing.records.service import ChargeRecords
from ingufu.certificates.service import Authorities, Contracts
from ingufu.charging.control.service import Control
from ingufu.charging.sampling.service import Samplings
from ingufu.charging.service import Charging, OpenCount
from ingufu.charging.tables import transactions
from ingufu.configuration.service import Configuration
from ingufu.core.clock import FrozenClock
from ingufu.core.commands import Command, Outcome, RawReply, ReplyKind
from ingufu.core.errors import StationOffline
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.desk.service import SavedViews
from ingufu.infra import remote_link
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.mail.model import MailRules
from ingufu.infra.mail.service import Mails
from ingufu.infra.remote_link import RemoteLink
from ingufu.infra.secrets import PasswordHasher
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.infra.storage.targets import StorageUrl
from ingufu.infra.vault import Vault
from ingufu.ledger.service import Hosts, Ledger, Reconciliation, Vouchers, Wallets
from ingufu.ocpp.catalogue import Catalogue
from ingufu.reports.service import Reports
from ingufu.reservations.service import Reservations
from ingufu.services import Services
from ingufu.sites.service import Sites
from ingufu.stations.service import StationRules, Stations
from ingufu.tariffs.service import FeedRules, PriceFeeds, Tariffs
from ingufu.web.app import close_streams, install, make_routes
from ingufu.web.context import WebContext, WebSettings
from web.quick import serving, tls

INSERT_TRANSACTION = insert(transactions)
_secrets = TemporaryDirectory(prefix="ingufu-secrets-")  # of all tests of this process
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # what the real one costs is not the matter


@dataclass
class RecordingLink:
    """The other side of the bus: keeps what it is asked and answers what the test put there."""

    replies: dict[str, RawReply | Exception] = field(default_factory=dict)
    outcomes: dict[str, Outcome | Exception] = field(default_factory=dict)
    raw: list[tuple[str, str, bytes, bool, float]] = field(default_factory=list)
    commands: list[tuple[str, Command[Any]]] = field(default_factory=list)
    reloaded: list[str] = field(default_factory=list)
    disconnected: list[str] = field(default_factory=list)
    online: set[str] = field(default_factory=set)
    gate: asyncio.Event | None = None  # closed: commands wait for it

    async def call(self, station_id: str, command: Command[Any], *, timeout_s: float = 30) -> Any:
        self.commands.append((station_id, command))
        if self.gate is not None:
            await self.gate.wait()
        if station_id not in self.online:
            raise StationOffline
        outcome = self.outcomes.get(type(command).__name__, Outcome(status="Accepted", is_accepted=True))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def call_raw(
        self, station_id: str, action: str, payload: bytes, *, validate: bool = True, timeout_s: float = 30,
        message_id: str | None = None,
    ) -> RawReply:  # fmt: skip
        self.raw.append((station_id, action, payload, validate, timeout_s))
        reply = self.replies.get(action, RawReply(kind=ReplyKind.OFFLINE))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, station_id: str, reason: str) -> bool:
        self.disconnected.append(station_id)
        return station_id in self.online

    async def reload(self, station_id: str) -> None:
        self.reloaded.append(station_id)


@dataclass
class House:
    """The running web process and what stands behind it."""

    app: Litestar
    services: Services
    bus: MemoryBus
    link: RecordingLink
    clock: FrozenClock
    url: str
    organisation_id: str
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.services.database

    def client(self, key: str | None = None, **headers: str) -> httpx.AsyncClient:
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, verify=tls())
        self.clients.append(client)
        return client

    async def key(self, *scopes: Scope) -> str:
        async with self.database.work() as work:
            _, secret = await self.services.accounts.create_key(
                work, organisation_id=self.organisation_id, name="test", scopes=scopes or tuple(Scope)
            )
        return secret

    async def user(self, role: Role, *site_ids: str, email: str = "keza@example.org") -> str:
        """Have a user with the password "correct horse battery" be there; return their id."""
        grants = [RoleGrant(role=role, site_id=site_id) for site_id in site_ids] or [RoleGrant(role=role)]
        async with self.database.work() as work:
            user = await self.services.accounts.create_user(
                work,
                organisation_id=self.organisation_id,
                email=email,
                name="Keza",
                password="correct horse battery",
                grants=grants,
            )
        return user.id

    async def log_in(self, email: str = "keza@example.org") -> httpx.AsyncClient:
        """Return a client with the cookie of a log-in that sends its CSRF token."""
        client = self.client()
        answer = await client.post("/api/v1/login", json={"email": email, "password": "correct horse battery"})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client

    async def station(self, identity: str, *, is_online: bool = False, version: str = "2.0.1", **fields: Any) -> str:
        async with self.database.work() as work:
            station = await self.services.stations.create(work, identity, **fields)
        if is_online:
            async with self.database.work() as work:
                await self.services.stations.connected(
                    work,
                    station.id,
                    connection_id=f"c-{identity}",
                    version=version,
                    address="192.0.2.7",
                    security_profile=1,
                    at=self.clock.now(),
                )
            self.link.online.add(station.id)
        return station.id

    async def site(self, name: str, **fields: Any) -> str:
        async with self.database.work() as work:
            site = await self.services.sites.create(work, organisation_id=self.organisation_id, name=name, **fields)
        return site.id


def make_services(
    database: Database, clock: FrozenClock, ids: IdMaker, *, rules: SignInRules | None = None,
    providers: Sequence[Provider] = (), mail: MailRules | None = None,
) -> Services:  # fmt: skip
    stations, sites = Stations(database, clock, ids, StationRules()), Sites(database, clock, ids)
    admitting = Admitting(database, clock, stations, sites)
    authorization = Authorization(database, clock, ids, OpenCount(database), admitting=admitting)
    vault = Vault(Path(_secrets.name) / "secrets.key")
    configuration = Configuration(database, clock, ids, stations, vault)
    price_feeds = PriceFeeds(database, clock, ids, vault, FeedRules(allows_private=True))
    reservations = Reservations(database, clock, authorization, stations)
    charging = Charging(database, clock, ids, authorization)
    evidence = Evidence(database, clock, ids, charging)
    tariffs, ledger = Tariffs(database, clock, ids, price_feeds), Ledger(database, clock, ids)
    charge_records = ChargeRecords(
        database, clock, ids, charging, reservations, evidence, tariffs, ledger, RecordRules(grace_s=0),
        rounding=LegalEntities(database, clock, ids).rounding_for,
    )  # fmt: skip
    accounts = Accounts(
        database,
        clock,
        ids,
        passwords=PasswordHasher(CHEAP),
        sites_of=sites.tenures_of,
        trail_key=lambda: vault.derive("audit trail"),
    )
    return Services(
        database=database,
        clock=clock,
        ids=ids,
        accounts=accounts,
        sign_in=SignIn(
            database,
            clock,
            ids,
            accounts,
            vault,
            Mails(database, clock, ids, vault, mail or MailRules()),
            rules,
            providers,
        ),
        sites=sites,
        stations=stations,
        authorities=Authorities(database, clock, ids),
        contracts=Contracts(clock, Authorities(database, clock, ids)),
        admitting=admitting,
        authorization=authorization,
        local_lists=LocalLists(database, clock, ids, admitting, stations),
        ledger=ledger,
        wallets=Wallets(database, clock, ids, ledger),
        vouchers=Vouchers(database, clock, ids, ledger),
        hosts=Hosts(database, clock, ids, ledger),
        reconciliation=Reconciliation(database, clock, ids, ledger),
        reservations=reservations,
        charging=charging,
        evidence=evidence,
        configuration=configuration,
        control=Control(database, clock, ids, configuration),
        samplings=Samplings(database, clock, stations, configuration),
        price_feeds=price_feeds,
        tariffs=tariffs,
        charge_records=charge_records,
        reports=Reports(database, clock),
        saved_views=SavedViews(database, clock, ids),
        money=money(
            database, clock, ids, os.urandom, vault=vault, ledger=ledger, charging=charging, records=charge_records
        ),
    )


def make_context(services: Services, bus: MemoryBus, **settings: Any) -> WebContext:
    return WebContext(
        services=services,
        link=RemoteLink(bus),
        bus=bus,
        catalogue=Catalogue(),
        settings=WebSettings(version="0.1.0-test", **settings),
    )


@pytest.fixture
def settings() -> dict[str, Any]:
    """What of the web settings a test wants otherwise; override by parametrize."""
    return {}


@pytest.fixture
async def house(
    database: Database, clock: FrozenClock, ids: IdMaker, settings: dict[str, Any], request: pytest.FixtureRequest
) -> AsyncIterator[House]:
    signing = request.node.callspec.params.get("signing", {})  # what of signing in a test wants otherwise
    bus, link = MemoryBus(), RecordingLink()
    remote_link.serve(bus, link)
    bus.respond("metrics", _metrics)

    def publish(events: Sequence[Event]) -> None:
        for event in events:
            bus.publish("events", msgspec.json.encode(event))

    database.publish = publish
    services = make_services(database, clock, ids, **signing)
    async with database.work() as work:
        operator = await services.accounts.create_organisation(work, "Operator", OrganisationKind.OPERATOR)
    app = _routes()
    install(app, make_context(services, bus, **settings))
    async with serving(app) as url:
        house = House(app=app, services=services, bus=bus, link=link, clock=clock, url=url, organisation_id=operator.id)
        yield house
        for client in house.clients:
            await client.aclose()
        close_streams(app)


_routes = cache(make_routes)  # they take a while to make, and are the same for every test


async def _metrics(_: bytes) -> bytes:
    return b"# HELP ingufu_stations_connected Stations connected.\n# TYPE ingufu_stations_connected gauge\ningufu_stations_connected 3\n"


@pytest.fixture
async def admin(house: House) -> httpx.AsyncClient:
    """A client with a key that may everything."""
    return house.client(await house.key())


@pytest.fixture
async def transaction(house: House) -> Callable[..., Any]:
    """Puts a transaction into storage; returns its id."""

    async def put(station_id: str, *, reference: str, **fields: Any) -> str:
        now = house.clock.now()
        row = {
            "id": house.services.ids.new(), "station_id": station_id, "reference": reference, "version": "2.0.1",
            "evse": 1, "state": "Charging", "is_open": True, "started_at": now, "start_received_at": now,
            "energy_wh": Decimal(0), "energy_source": "nothing", "is_offline_start": False, "is_estimated": False,
            "seq_count": 0, "anomaly_count": 0, "updated_at": now,
        } | fields  # fmt: skip
        async with house.database.work() as work:
            work.execute(INSERT_TRANSACTION, row)
        return str(row["id"])

    return put


@pytest.fixture(params=["sqlite"])
async def storage_url(request: pytest.FixtureRequest, _makers: Any, tmp_path: Path) -> AsyncIterator[StorageUrl]:
    """As everywhere, but on SQLite alone unless a test asks for `both_engines`: most tests here are about HTTP."""
    if request.param == "sqlite":
        yield await _makers.sqlite(tmp_path)
        return
    server = request.getfixturevalue("postgresql_server")
    url, name = await _makers.postgresql(server)
    yield url
    await run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")
