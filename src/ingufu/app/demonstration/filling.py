"""A fresh database filled with a network and its past: organisations, people, stations, cards, months of sessions."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from ingufu.accounts.model import ActorKind, OrganisationKind, Principal, Role, Scope
from ingufu.app.administration import Administration
from ingufu.app.demonstration import loading
from ingufu.app.demonstration.arrivals import Arrivals
from ingufu.app.demonstration.billing import Biller
from ingufu.app.demonstration.booking import fill_wallets, share_with_host
from ingufu.app.demonstration.configuring import desire
from ingufu.app.demonstration.invoicing import write_documents
from ingufu.app.demonstration.login import Login
from ingufu.app.demonstration.past import PastStation, PastToken, Teller, Told
from ingufu.app.demonstration.pricing import give_prices
from ingufu.app.demonstration.register import entered
from ingufu.app.parts import AskingProcess, bus_socket, services_of, storage_url
from ingufu.app.settings import Settings
from ingufu.billing.evidence.model import NewMeterKey
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import InvalidInput
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.importing.reading import read_json
from ingufu.importing.writing import carry_out
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.remote_link import RemoteLink
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.simulator import signing
from ingufu.simulator.history import PastFault, PastOffline, PastRefusal, PastSession, history
from ingufu.simulator.plan import Plan, PlannedStation
from ingufu.stations.model import Attempt, Boot, ConnectorStatus, StatusReport
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.tokens import TokenQuery, list_tokens

SYSTEM = Principal(kind=ActorKind.SYSTEM, id="demo", name="demo", scopes=frozenset(Scope))
HOSTS = ("Kimihurura Estates", "Gare & Parkings SA")
FAILED_ATTEMPTS = 60
SIGNING_ONE_IN = 6  # stations, of which one has a meter that signs


async def fill(settings: Settings, network: Plan, *, days: int, now: datetime, login: Login) -> None:
    """Make the database of the demo, with `days` of history before `now`.

    Raises Conflict if something is there already, Unavailable.
    """
    url = storage_url(settings)
    await migrate(url)
    database = await open_database(url, inline_reads=True)
    try:
        clock = FrozenClock(now - timedelta(days=days))
        desk = await _desk(settings, database, clock, login)
        await _enter(desk, network, now)
        await give_prices(desk.services, desk.organisation_id, days=days)
        await _boot(desk, network, clock, days=days, now=now)
        await desire(desk.services, network)
        await _live_through(database, desk, network, Biller(desk.services, clock), days=days, now=now)
        await share_with_host(desk.services, desk.organisation_id, since=now - timedelta(days=days + 1))
        await fill_wallets(desk.services, desk.organisation_id, now=now)
        await write_documents(desk.services, desk.organisation_id, now=now)
    finally:
        await database.close()


async def _desk(settings: Settings, database: Database, clock: FrozenClock, login: Login) -> Administration:
    """Make the organisations and the people, and return the desk at which the rest is entered."""
    bus = DialledBus(bus_socket(settings))  # never opened: nobody listens yet
    services = services_of(settings, database, clock, IdMaker(clock))
    async with database.work() as work:
        operator = await services.accounts.ensure_operator(work, settings.operator)
        for name in HOSTS:
            await services.accounts.create_organisation(work, name, OrganisationKind.HOST)
    people = (
        (login.email, "Demo", login.password, Role.ADMIN),
        ("night.shift@ingufu.local", "Night shift", None, Role.OPERATOR),
        ("auditor@ingufu.local", "Auditor", None, Role.VIEWER),
    )
    async with database.work() as work:
        for email, name, password, role in people:
            await services.accounts.create_user(
                work, organisation_id=operator.id, email=email, name=name, password=password, roles=(role,)
            )
    return Administration(AskingProcess(services, RemoteLink(bus), bus), operator.id, SYSTEM)


async def _enter(desk: Administration, network: Plan, now: datetime) -> None:
    rows, errors, _ = read_json("demo", json.dumps(entered(network, now)))
    report = await carry_out(desk, rows, errors)
    if report.errors:
        raise InvalidInput(f"The demo's network cannot be entered: {report.errors[0]}")
    services = desk.services
    groups = sorted({driver.group for driver in network.drivers if driver.group})
    async with desk.work() as work:
        for name in groups:
            await services.accounts.create_organisation(work, name, OrganisationKind.FLEET)


async def _boot(desk: Administration, network: Plan, clock: FrozenClock, *, days: int, now: datetime) -> None:
    """Let each station have told once what it is, on the day on which it was put up."""
    for planned in sorted(network.stations, key=lambda one: -one.age_share):
        at = _put_up_at(planned, days, now)
        clock.set(max(clock.now(), at))
        await _boot_one(desk, planned, at)


async def _boot_one(desk: Administration, planned: PlannedStation, at: datetime) -> None:
    stations, spec = desk.services.stations, planned.spec
    station = await desk.station(spec.identity)
    boot = Boot(
        vendor=spec.manner.vendor,
        model=spec.model,
        serial_number=spec.serial,
        firmware_version=spec.manner.firmware,
        reason="PowerUp",
    )
    async with desk.work() as work:
        await stations.boot(work, station, boot, at)
        for evse in spec.evses:
            report = StatusReport(
                evse=evse.evse, connector=1, status=ConnectorStatus.AVAILABLE, raw_status="Available", at=at
            )
            await stations.report_status(work, station.id, report, at)
    async with desk.work() as work:
        for evse in spec.evses:
            await stations.set_connector(
                work, station.id, evse.evse, 1, kind=evse.connector_type, max_power_w=evse.max_power_w
            )


async def _live_through(
    database: Database, desk: Administration, network: Plan, biller: Biller, *, days: int, now: datetime
) -> None:
    versions = {planned.spec.identity: planned.spec.version.value for planned in network.stations}
    serials = {planned.spec.identity: planned.spec.serial for planned in network.stations[::SIGNING_ONE_IN]}
    stations = {
        known.identity: PastStation(
            id=known.id, version=versions[known.identity], meter_serial=serials.get(known.identity)
        )
        for known in await desk.services.stations.all()
    }
    await _register_keys(desk, list(stations.values()))
    since = {planned.spec.identity: _put_up_at(planned, days, now) for planned in network.stations}
    teller = Teller(stations, await _tokens(database), min(since.values()), now)
    arrivals = Arrivals(stations, since, network.seed)
    attempts: list[Attempt] = []
    extra: list[Event] = []

    def past() -> Iterator[Told]:
        for fact in history(network.seed, days, now, network=network):
            match fact:
                case PastSession():
                    yield teller.session(fact)
                case PastRefusal():
                    yield teller.refusal(fact)
                case PastFault():
                    yield teller.fault(fact)
                case PastOffline():
                    attempt, events = arrivals.gap(fact)
                    attempts.append(attempt)
                    extra.extend(events)

    told = await loading.load(database, past(), biller.bill)
    for attempt, events in arrivals.last(now):
        attempts.append(attempt)
        extra.extend(events)
    await loading.load_events(database, [*told, *extra])
    await desk.services.charge_records.rater.skip()
    await loading.load_attempts(database, [*attempts, *arrivals.failures(now, FAILED_ATTEMPTS)])
    await loading.take_numbers(database, teller.next_number)


async def _tokens(database: Database) -> dict[str, PastToken]:
    found: dict[str, PastToken] = {}
    cursor: str | None = None
    while True:
        page = await list_tokens(database, TokenQuery(limit=MAX_LIMIT, cursor=cursor))
        for row in page.items:
            found[row.value] = PastToken(id=row.id, driver_id=row.driver_id, group_id=row.group_id)
        cursor = page.next
        if cursor is None:
            return found


async def _register_keys(desk: Administration, stations: list[PastStation]) -> None:
    """Register the keys of the meters that sign, but for the last one: somebody has still to do that."""
    signing_ones = [station for station in stations if station.meter_serial is not None]
    for station in signing_ones[:-1]:
        serial = station.meter_serial or ""
        key = NewMeterKey(
            station_id=station.id,
            public_key=signing.printed_key(serial),
            meter_serial=serial,
            note="From the label on the meter.",
        )
        async with desk.work() as work:
            await desk.services.evidence.add_key(work, key, by=SYSTEM.name)


def _put_up_at(planned: PlannedStation, days: int, now: datetime) -> datetime:
    return now - timedelta(days=max(1, round(days * planned.age_share)))
