"""What every process is made of: services on one database, and the line to the process that holds the sockets."""

import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from ingufu.accounts.model import AccountRules
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in.service import SignIn
from ingufu.app import signing_in
from ingufu.app.settings import OcppSettings, Settings
from ingufu.authorization.model import AuthorizationRules
from ingufu.authorization.service import Admitting, Authorization, LocalLists
from ingufu.billing.evidence.model import EvidenceRules
from ingufu.billing.evidence.service import Evidence
from ingufu.billing.fiscal.wiring import money
from ingufu.billing.invoices.service import LegalEntities
from ingufu.billing.records.model import RecordRules
from ingufu.billing.records.service import ChargeRecords
from ingufu.certificates.model import CertificateRules
from ingufu.certificates.service import Authorities, Contracts
from ingufu.charging.control.service import Control
from ingufu.charging.sampling.service import Samplings
from ingufu.charging.service import Charging, OpenCount
from ingufu.configuration.model import ConfigurationRules
from ingufu.configuration.service import Configuration
from ingufu.core.clock import Clock, SystemClock
from ingufu.core.errors import SettingsError
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.desk.service import SavedViews
from ingufu.infra import remote_link
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.bus.port import Bus
from ingufu.infra.mail.service import Mails
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.infra.vault import KEY_FILE, Vault
from ingufu.infra.witness import Witness
from ingufu.ledger.service import Hosts, Ledger, Reconciliation, Vouchers, Wallets
from ingufu.reports.service import Reports
from ingufu.reservations.service import Reservations
from ingufu.services import Services
from ingufu.sites.service import Sites
from ingufu.stations.model import StationRules, UnknownPolicy
from ingufu.stations.quirks import reading as quirk_reading
from ingufu.stations.quirks.model import Quirk
from ingufu.stations.service import Stations
from ingufu.tariffs.service import FeedRules, PriceFeeds, Tariffs

EVENTS_TOPIC = "events"
BUS_SOCKET = "bus.sock"
AUDIT_HEAD_FILE = "audit.head"
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, others 103
OWN_FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True)
class AskingProcess:
    """What a process has that holds no sockets: web pages, the command line."""

    services: Services
    link: remote_link.RemoteLink
    bus: DialledBus


def storage_url(settings: Settings) -> StorageUrl:
    return StorageUrl.parse(settings.database or None, settings.data_folder)


def services_of(settings: Settings, database: Database, clock: Clock, ids: IdMaker) -> Services:
    """Return all services on one database."""
    stations = Stations(database, clock, ids, station_rules(settings.ocpp), own_quirks(settings.ocpp))
    sites = Sites(database, clock, ids)
    authorities = Authorities(database, clock, ids)
    admitting = Admitting(database, clock, stations, sites)
    rules = authorization_rules(settings)
    authorization = Authorization(database, clock, ids, OpenCount(database), rules, admitting)
    reservations = Reservations(database, clock, authorization, stations)
    charging = Charging(database, clock, ids, authorization, reservations=reservations)
    vault = Vault(settings.data_folder / KEY_FILE)
    configuration = Configuration(database, clock, ids, stations, vault, configuration_rules(settings))
    price_feeds = PriceFeeds(database, clock, ids, vault, feed_rules(settings))
    tariffs = Tariffs(database, clock, ids, price_feeds)
    ledger = Ledger(database, clock, ids)
    evidence = Evidence(database, clock, ids, charging, evidence_rules(settings))
    sellers = LegalEntities(database, clock, ids)
    charge_records = ChargeRecords(
        database, clock, ids, charging, reservations, evidence, tariffs, ledger, record_rules(settings),
        rounding=sellers.rounding_for,
    )  # fmt: skip
    accounts = Accounts(
        database,
        clock,
        ids,
        AccountRules(idle_s=settings.http.session_hours * 3600),
        sites_of=sites.tenures_of,
        trail_key=lambda: vault.derive("audit trail"),
        witness=Witness(settings.data_folder / AUDIT_HEAD_FILE),
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
            Mails(database, clock, ids, vault, signing_in.mail_rules(settings)),
            signing_in.sign_in_rules(settings),
            signing_in.identity_providers(settings),
        ),
        sites=sites,
        stations=stations,
        authorities=authorities,
        contracts=Contracts(clock, authorities, certificate_rules(settings)),
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
            database,
            clock,
            ids,
            os.urandom,
            vault=vault,
            ledger=ledger,
            charging=charging,
            records=charge_records,
        ),
    )


@asynccontextmanager
async def asking_process(settings: Settings, *, wait_s: float = 5.0) -> AsyncIterator[AskingProcess]:
    """Open what a process needs that reaches stations through the gateway's."""
    clock = SystemClock()
    ids = IdMaker(clock)
    database = await open_database(storage_url(settings))
    bus = DialledBus(bus_socket(settings))
    try:
        await bus.open(wait_s=wait_s)
        publish_events(database, bus)
        yield AskingProcess(services_of(settings, database, clock, ids), remote_link.RemoteLink(bus), bus)
    finally:
        await bus.close()
        await database.close()


def bus_socket(settings: Settings) -> Path:
    """Return where the local bus listens: in the data folder, or elsewhere if its path is too long for a socket.

    Raises SettingsError.
    """
    path = settings.data_folder.resolve() / BUS_SOCKET
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return _own_folder(Path(tempfile.gettempdir()) / f"ingufu-{os.getuid()}") / f"{digest}.sock"


def _own_folder(folder: Path) -> Path:
    """Return the folder, made if need be, of which nobody else can have made anything. Raises SettingsError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != OWN_FOLDER_MODE:
        raise SettingsError(
            f"{folder} belongs to someone else. Remove it, or choose a data folder with a shorter name."
        )
    return folder


def own_quirks(ocpp: OcppSettings) -> tuple[Quirk, ...]:
    """Return the quirks shipped and those of the operator. Raises SettingsError with file, line and reason."""
    return quirk_reading.load(Path(ocpp.quirks).expanduser() if ocpp.quirks else None)


def authorization_rules(settings: Settings) -> AuthorizationRules:
    return AuthorizationRules(
        ghost_age_s=settings.authorization.open_transaction_counts_h * 3600,
        late_start_s=settings.authorization.late_start_s,
        cache_s=settings.authorization.cache_h * 3600,
    )


def configuration_rules(settings: Settings) -> ConfigurationRules:
    given = settings.configuration
    return ConfigurationRules(
        takes_inventory=given.takes_inventory,
        applies_desired=given.applies_desired,
        repairs_drift=given.repairs_drift,
        quiet_s=given.quiet_s,
        spread_s=given.spread_s,
        at_once=given.at_once,
        report_timeout_s=given.report_timeout_s,
        checks_every_h=given.checks_every_h,
    )


def evidence_rules(settings: Settings) -> EvidenceRules:
    given = settings.billing
    return EvidenceRules(
        tolerance_wh=Decimal(str(given.tolerance_wh)),
        tolerance_percent=Decimal(str(given.tolerance_percent)),
        max_power_w=Decimal(str(given.max_power_w)),
        max_hours=Decimal(str(given.max_hours)),
        max_gap_s=int(given.max_gap_minutes * 60),
        small_wh=Decimal(str(given.small_wh)),
        reviews_unset_clocks=given.reviews_unset_clocks,
    )


def certificate_rules(settings: Settings) -> CertificateRules:
    given = settings.certificates
    return CertificateRules(
        timeout_s=given.responder_timeout_s,
        patience_s=given.patience_s,
        allows_private=given.allows_private_responders,
        accepts_unchecked=given.accepts_unchecked,
    )


def record_rules(settings: Settings) -> RecordRules:
    given = settings.billing
    return RecordRules(grace_s=given.grace_s, shortest_s=given.shortest_s, cost_interval_s=given.cost_interval_s)


def feed_rules(settings: Settings) -> FeedRules:
    given = settings.tariffs
    return FeedRules(timeout_s=given.feed_timeout_s, allows_private=given.allows_private_feeds)


def station_rules(ocpp: OcppSettings) -> StationRules:
    return StationRules(
        heartbeat_interval_s=ocpp.heartbeat_interval_s,
        pending_retry_s=ocpp.pending_retry_s,
        interval_jitter=ocpp.interval_jitter,
        storm_boots_per_minute=ocpp.storm_boots_per_minute,
        storm_stretch=ocpp.storm_stretch,
        unknown_policy=UnknownPolicy(ocpp.unknown_stations),
        max_waiting=ocpp.max_waiting_stations,
        default_security_profile=ocpp.default_security_profile,
        password_grace_s=ocpp.password_grace_s,
        certificate_organisation=ocpp.client_organisation or None,
    )


def station_urls(ocpp: OcppSettings) -> dict[str, str]:
    """Return by listener what is typed into stations, without their identity."""
    if ocpp.public_url:
        return {"public": ocpp.public_url.rstrip("/") + ocpp.base_path.rstrip("/")}
    listeners = (
        ("plain", "ws", ocpp.listen),
        ("tls", "wss", ocpp.tls_listen),
        ("mutual-tls", "wss", ocpp.mutual_tls_listen),
    )
    return {name: f"{scheme}://{text}{ocpp.base_path.rstrip('/')}" for name, scheme, text in listeners if text}


def publish_events(database: Database, bus: Bus) -> None:
    """Let everyone who listens on the bus hear what happened, after the commit that keeps it."""
    encode = msgspec.json.Encoder().encode

    def publish(events: Sequence[Event]) -> None:
        for event in events:
            bus.publish(EVENTS_TOPIC, encode(event))

    database.publish = publish
