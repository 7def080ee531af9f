"""A small network with a week behind it: sites, stations of all versions, sessions, faults, refusals, messages."""

import asyncio
import json
import math
import random
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ingufu.authorization.model import DriverDetails, PresentedToken, TokenDetails
from ingufu.charging.model import ChargingState, MeterReading, ReportKind, Sample, TransactionReport
from ingufu.services import Services
from ingufu.stations.model import Attempt, AttemptOutcome, Boot, ConnectorStatus, StatusReport
from kept import Sent, keep

STEP = 3  # minutes between the meter values of a session
PLACES = (
    ("Nyarutarama Golf", "Kigali", -1.9305, 30.0986),
    ("Kigali Heights", "Kigali", -1.9536, 30.0927),
    ("University of Rwanda", "Huye", -2.5967, 29.7394),
    ("Musanze Gate", "Musanze", -1.4998, 29.6349),
)
MODELS = (
    ("2.0.1", "ABB", "Terra 184", "1.8.32"),
    ("1.6", "Wallbox", "Copper SB", "6.4.12"),
    ("2.1", "Kempower", "Satellite", "24.3.1"),
    ("1.6", "Alfen", "Eve Double", "7.1.0-4215"),
)
DRIVERS = ("Diane Uwase", "Eric Habimana", "Claudine Ingabire", "Jean Bosco", "Amina Mukamana")
HOSTILE = "<script>alert('1')</script>\"><b onload=x>"
RIGHT_TO_LEFT = "محطة كهرباء"


@dataclass
class Network:
    """What was seeded, by name."""

    services: Services
    organisation_id: str
    now: datetime
    sites: dict[str, str] = field(default_factory=dict)
    stations: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    online: set[str] = field(default_factory=set)


async def seed(services: Services, organisation_id: str, now: datetime, *, hostile: bool = False) -> Network:
    """Fill an empty database and return what there is."""
    net = Network(services, organisation_id, now)
    await _places(net)
    await _drivers(net)
    chance = random.Random(7)
    await asyncio.gather(*_stations(net))
    await asyncio.gather(*(past_sessions(net, station, chance) for station in ("NYA-02", "UNI-01")))
    await _live_sessions(net)
    await _troubles(net)
    if hostile:
        await _hostile(net)
    await _messages(net)
    net.services.stations.flush_attempts(is_last=True)
    await net.services.database.writer.flush()
    return net


def _stations(net: Network) -> Iterator[Coroutine[Any, Any, str]]:
    for place, (site, *_) in enumerate(PLACES):
        for number in range(1, 4):
            version, vendor, model, firmware = MODELS[(place + number) % len(MODELS)]
            boot = Boot(
                vendor=vendor,
                model=model,
                firmware_version=firmware,
                serial_number=f"SN{place}{number}0042",
                reason="PowerUp",
            )
            yield _station(net, f"{site[:3].upper()}-{number:02d}", site, version, boot)


async def _places(net: Network) -> None:
    for name, city, latitude, longitude in PLACES:
        async with net.services.database.work() as work:
            site = await net.services.sites.create(
                work,
                organisation_id=net.organisation_id,
                name=name,
                city=city,
                country="RW",
                latitude=latitude,
                longitude=longitude,
                time_zone="Africa/Kigali",
            )
        net.sites[name] = site.id


async def _drivers(net: Network) -> None:
    for number, name in enumerate(DRIVERS):
        async with net.services.database.work() as work:
            driver = await net.services.authorization.create_driver(
                work, DriverDetails(name=name), organisation_id=net.organisation_id
            )
        value = f"04A2{number}C916E80{number}"
        async with net.services.database.work() as work:
            await net.services.authorization.create_token(
                work, TokenDetails(value=value, driver_id=driver.id), organisation_id=net.organisation_id
            )
        net.tokens.append(value)


async def _station(net: Network, identity: str, site: str | None, version: str, boot: Boot) -> str:
    services = net.services
    fields: dict[str, Any] = {"site_id": net.sites[site]} if site else {}
    async with services.database.work() as work:
        station = await services.stations.create(work, identity, password="correct-horse-battery", **fields)
    net.stations[identity] = station.id
    await connect(net, identity, version, net.now - timedelta(hours=30))
    async with services.database.work() as work:
        await services.stations.boot(work, station, boot, net.now - timedelta(hours=29, minutes=59))
    for evse in (1, 2):
        await status(net, identity, evse, "Available", ConnectorStatus.AVAILABLE, net.now - timedelta(hours=29))
        async with services.database.work() as work:
            await services.stations.set_connector(
                work,
                station.id,
                evse,
                1,
                kind="cCCS2" if evse == 1 else "sType2",
                max_power_w=180_000 if evse == 1 else 22_000,
            )
    return station.id


async def connect(net: Network, identity: str, version: str, at: datetime) -> None:
    station_id = net.stations[identity]
    attempt_id = net.services.ids.new()
    net.services.stations.record_attempt(
        Attempt(
            id=attempt_id,
            at=at,
            last_at=at,
            listener="plain",
            address="10.20.0.17",
            path=f"/ocpp/{identity}",
            identity=identity,
            station_id=station_id,
            offered=(f"ocpp{version}",),
            version=version,
            outcome=AttemptOutcome.CONNECTED,
            http_status=101,
        )
    )
    async with net.services.database.work() as work:
        await net.services.stations.connected(
            work, station_id, connection_id=attempt_id, version=version, address="10.20.0.17", security_profile=1, at=at
        )
    net.online.add(station_id)


async def disconnect(net: Network, identity: str, at: datetime, reason: str = "no pong for 180 s") -> None:
    station = await net.services.stations.get(net.stations[identity])
    async with net.services.database.work() as work:
        await net.services.stations.disconnected(
            work, station.id, connection_id=station.connection_id or "", code=1006, reason=reason, at=at
        )
    net.online.discard(station.id)


async def status(
    net: Network,
    identity: str,
    evse: int,
    raw: str,
    word: ConnectorStatus,
    at: datetime,
    error: str | None = None,
    info: str | None = None,
) -> None:
    report = StatusReport(evse=evse, connector=1, status=word, raw_status=raw, at=at, error_code=error, error_info=info)
    async with net.services.database.work() as work:
        await net.services.stations.report_status(work, net.stations[identity], report, at)


def power_kw(minute: float, limit: float) -> float:
    if minute < 2:
        return limit * minute / 2
    return limit - 0.8 * math.sin(minute * 1.7) - max(0.0, minute - 18) * limit / 90


def reading(at: datetime, register_wh: float, kw: float, soc: float | None) -> MeterReading:
    samples = [
        Sample(value=Decimal(round(register_wh)), raw_value=str(round(register_wh))),
        Sample(
            measurand="Power.Active.Import", value=Decimal(round(kw * 1000)), unit="W", raw_value=str(round(kw * 1000))
        ),
    ]
    if soc is not None:
        samples.append(
            Sample(measurand="SoC", value=Decimal(round(soc)), unit="Percent", raw_value=str(round(soc)), location="EV")
        )
    return MeterReading(at=at, samples=tuple(samples))


async def session(
    net: Network, identity: str, evse: int, token: str, began: datetime, minutes: int, limit_kw: float,
    *, ends: bool = True, soc: bool = True, reference: str | None = None, skip: frozenset[int] = frozenset(),
) -> str:  # fmt: skip
    """Have a session be recorded, message by message; return its id."""
    services, station_id = net.services, net.stations[identity]
    register, reference = 120_000.0 + 1000 * evse, reference or services.ids.new()[-12:]
    start = register
    common: dict[str, Any] = {
        "station_id": station_id,
        "version": "2.0.1",
        "evse": evse,
        "connector": 1,
        "reference": reference,
    }

    async def tell(kind: ReportKind, at: datetime, seq: int, **fields: Any) -> Any:
        async with services.database.work() as work:
            return await services.charging.record(
                work, TransactionReport(kind=kind, at=at, received_at=at, seq=seq, **common, **fields)
            )

    recorded = await tell(
        ReportKind.STARTED, began, 0, token=PresentedToken(value=token, kind="ISO14443"), trigger="Authorized",
        state=ChargingState.CHARGING, readings=(reading(began, register, 0, 18 if soc else None),),
    )  # fmt: skip
    seq = 0
    for minute in range(STEP, minutes + 1, STEP):
        seq += 1
        kw = max(1.5, power_kw(minute, limit_kw))
        register += kw * 1000 * STEP / 60
        if minute in skip:
            continue
        at = began + timedelta(minutes=minute)
        charge = min(100.0, 18 + (register - start) / 620) if soc else None
        await tell(
            ReportKind.UPDATED,
            at,
            seq,
            trigger="MeterValuePeriodic",
            state=ChargingState.CHARGING,
            readings=(reading(at, register, kw, charge),),
        )
    if ends:
        at = began + timedelta(minutes=minutes + 1)
        await tell(
            ReportKind.ENDED,
            at,
            seq + 1,
            trigger="EVDeparted",
            state=ChargingState.IDLE,
            stop_reason="EVDisconnected",
            readings=(reading(at, register, 0, None),),
        )
    return str(recorded.transaction.id)


async def past_sessions(net: Network, identity: str, chance: random.Random) -> None:
    for days in (7, 1, 0):
        for hour in (5, 3):
            began = net.now - timedelta(days=days, hours=hour, minutes=chance.randrange(50))
            token = chance.choice(net.tokens)
            net.sessions[f"{identity}-{days}-{hour}"] = await session(
                net, identity, 1, token, began, chance.randrange(12, 35), chance.choice([22.0, 50.0, 90.0])
            )


async def _live_sessions(net: Network) -> None:
    await asyncio.gather(
        _live_session(net, "NYA-01", 1, 42, 74.0),
        _live_session(net, "KIG-02", 2, 63, 11.0),
        _live_session(net, "MUS-01", 1, 12, 50.0),
    )


async def _live_session(net: Network, identity: str, evse: int, minutes: int, limit_kw: float) -> None:
    began, reference = net.now - timedelta(minutes=minutes, seconds=18), f"8K2-{evse}{minutes}"
    await status(net, identity, evse, "Charging", ConnectorStatus.OCCUPIED, began)
    net.sessions[f"{identity}-live"] = await session(
        net,
        identity,
        evse,
        net.tokens[evse],
        began,
        minutes,
        limit_kw,
        ends=False,
        soc=limit_kw > 20,
        reference=reference,
    )


async def _troubles(net: Network) -> None:
    now, services = net.now, net.services
    await status(
        net,
        "KIG-01",
        1,
        "Faulted",
        ConnectorStatus.FAULTED,
        now - timedelta(hours=2),
        "GroundFailure",
        "residual current detected",
    )
    await status(net, "UNI-02", 2, "Unavailable", ConnectorStatus.UNAVAILABLE, now - timedelta(hours=9))
    await status(net, "UNI-01", 2, "Preparing", ConnectorStatus.OCCUPIED, now - timedelta(minutes=1))
    await disconnect(net, "MUS-03", now - timedelta(hours=26))
    await disconnect(net, "NYA-03", now - timedelta(hours=8))
    await connect(net, "NYA-03", "2.1", now - timedelta(hours=7, minutes=20))
    await disconnect(net, "UNI-03", now - timedelta(minutes=42), "")
    net.sessions["odd"] = await session(
        net, "KIG-03", 1, "04FFEE0011", now - timedelta(hours=6), 20, 22.0, soc=False, skip=frozenset({6, 9})
    )
    async with services.database.work() as work:
        waiting = await services.stations.discover(work, "RWA-0007", password=b"a-key-of-the-station-itself")
    net.stations["RWA-0007"] = waiting.id
    for outcome, identity, count, detail, extra in (
        (AttemptOutcome.WAITING_FOR_APPROVAL, "RWA-0007", 12, "", {"station_id": waiting.id, "offered": ("ocpp2.0.1",), "http_status": 401}),
        (AttemptOutcome.WRONG_CREDENTIALS, "MUS-03", 412, "", {"station_id": net.stations["MUS-03"], "offered": ("ocpp1.6",), "http_status": 401}),
        (AttemptOutcome.UNSUPPORTED_SUBPROTOCOL, "OLD-TIMER-1", 3, "", {"offered": ("ocpp1.5",), "http_status": 400, "user_agent": "gSOAP/2.8"}),
        (AttemptOutcome.WRONG_PATH, None, 2, "", {"path": "/steve/websocket/CentralSystemService/X1", "http_status": 404}),
    ):  # fmt: skip
        for number in range(count):
            at = now - timedelta(minutes=90) + timedelta(seconds=12 * number)
            values: dict[str, Any] = {"path": f"/ocpp/{identity}", "listener": "plain", "address": "41.186.3.9"} | extra
            services.stations.record_attempt(
                Attempt(
                    id=services.ids.new(),
                    at=at,
                    last_at=at,
                    identity=identity,
                    outcome=outcome,
                    detail=detail,
                    **values,
                )
            )


async def _hostile(net: Network) -> None:
    boot = Boot(vendor=HOSTILE, model="V" * 240, serial_number=RIGHT_TO_LEFT, firmware_version=HOSTILE, reason=HOSTILE)
    await _station(net, "EVIL-1", None, "1.6", boot)
    async with net.services.database.work() as work:
        await net.services.stations.update(
            work, net.stations["EVIL-1"], name=(RIGHT_TO_LEFT + HOSTILE)[:100], note=HOSTILE
        )
    await status(net, "EVIL-1", 1, HOSTILE, ConnectorStatus.FAULTED, net.now - timedelta(hours=1), HOSTILE, HOSTILE)
    net.sessions["evil"] = await session(
        net, "EVIL-1", 2, HOSTILE[:36], net.now - timedelta(hours=1), 3, 11.0, reference=HOSTILE[:36]
    )
    at = net.now - timedelta(minutes=5)
    net.services.stations.record_attempt(
        Attempt(
            id=net.services.ids.new(),
            at=at,
            last_at=at,
            listener="plain",
            address="198.51.100.7",
            path=f"/{HOSTILE}",
            identity=HOSTILE,
            user_agent=HOSTILE,
            offered=(HOSTILE,),
            outcome=AttemptOutcome.UNSUPPORTED_SUBPROTOCOL,
            http_status=400,
            detail=HOSTILE,
        )
    )


async def _messages(net: Network) -> None:
    rows = []
    for number in range(60):
        at = net.now - timedelta(minutes=60 - number)
        rows += exchange(net, "NYA-01", number, at, "TransactionEvent" if number % 3 else "Heartbeat")
    if "EVIL-1" in net.stations:
        rows += exchange(net, "EVIL-1", 999, net.now, "DataTransfer", {"vendorId": HOSTILE, HOSTILE: [HOSTILE]})
        rows.append(
            frame(
                net,
                "EVIL-1",
                net.now,
                "{not json " + HOSTILE,
                is_inbound=True,
            )
        )
    keep(net.services.stations.frames, rows)


def exchange(
    net: Network, identity: str, number: int, at: datetime, action: str, payload: dict[str, Any] | None = None
) -> list[Sent]:
    """A request of the station and our answer."""
    message_id = f"m-{number:04d}"
    if payload is None:
        payload = (
            {}
            if action == "Heartbeat"
            else {
                "eventType": "Updated",
                "seqNo": number,
                "transactionInfo": {"transactionId": "8K2-142"},
                "evse": {"id": 1},
            }
        )
    call = frame(
        net,
        identity,
        at,
        json.dumps([2, message_id, action, payload], separators=(",", ":")),
        is_inbound=True,
    )
    answer = frame(
        net,
        identity,
        at + timedelta(milliseconds=14),
        json.dumps([3, message_id, {}], separators=(",", ":")),
        is_inbound=False,
    )
    return [call, answer]


def frame(net: Network, identity: str, at: datetime, text: str, *, is_inbound: bool) -> Sent:
    return Sent(at, net.stations[identity], text, f"c-{identity}", is_inbound)
