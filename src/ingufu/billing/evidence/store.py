"""Every query of verdicts, signature checks, the review queue and meter keys, and of what they are judged from."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, func, or_, select, update

from ingufu.billing.evidence.model import (
    EnergyVerdict,
    MeterKey,
    ReviewItem,
    SignatureCheck,
    SignedReading,
    SiteEvidence,
)
from ingufu.billing.evidence.tables import checks, items, meter_keys, records, sites, verdicts
from ingufu.charging.fold import Glance
from ingufu.charging.model import Sample, Transaction
from ingufu.charging.tables import readings, transactions
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, upsert
from ingufu.stations.tables import connectors, stations

DATA_MAX = 200_000  # characters of a signed value that are kept; its name is of all of them
SAMPLES_MAX = 200_000  # characters of one reading: what is larger holds no signed value that can be checked
SIGNED_MAX = 1000  # readings from each end of a session
OVERLAP_LOOKED_BACK = timedelta(days=60)
_BUILTIN = (datetime, Decimal)
_samples = msgspec.json.Decoder(tuple[Sample, ...]).decode

_VERDICT = [verdicts.c[name] for name in EnergyVerdict.__struct_fields__]
_KEY = [meter_keys.c[name] for name in MeterKey.__struct_fields__]

_VERDICTS_OF = (
    select(*_VERDICT, verdicts.c.facts)
    .where(verdicts.c.transaction_id == bindparam("transaction_id"))
    .order_by(verdicts.c.number)
)
_LAST = (
    select(*_VERDICT, verdicts.c.facts)
    .where(verdicts.c.transaction_id == bindparam("transaction_id"))
    .order_by(verdicts.c.number.desc())
    .limit(1)
)
_CHECKS_OF = (
    select(*(checks.c[name] for name in SignatureCheck.__struct_fields__))
    .where(checks.c.transaction_id == bindparam("transaction_id"), checks.c.number == bindparam("number"))
    .order_by(checks.c.position)
)
_ITEM = select(*(items.c[name] for name in ReviewItem.__struct_fields__ if name != "reasons"), items.c.doubts).where(
    items.c.transaction_id == bindparam("transaction_id")
)
_OPEN_ITEMS = (
    select(items.c.transaction_id)
    .where(items.c.closed_at.is_(None), items.c.opened_at >= bindparam("since"))
    .order_by(items.c.opened_at.desc())
    .limit(1000)
)
_OPEN_ITEMS_OF = (
    select(items.c.transaction_id)
    .where(items.c.closed_at.is_(None), items.c.station_id == bindparam("station_id"))
    .order_by(items.c.opened_at)
    .limit(1000)
)
_KEY_BY_ID = select(*_KEY).where(meter_keys.c.id == bindparam("id"))
_KEYS_OF = select(*_KEY).where(meter_keys.c.station_id == bindparam("station_id")).order_by(meter_keys.c.id)
_SITE = select(sites.c.site_id, sites.c.demands_signatures, sites.c.since).where(
    sites.c.site_id == bindparam("site_id")
)
_SITE_OF_STATION = (
    select(sites.c.site_id, sites.c.demands_signatures, sites.c.since)
    .select_from(stations.join(sites, sites.c.site_id == stations.c.site_id))
    .where(stations.c.id == bindparam("station_id"))
)
_GLANCES = (
    select(*(readings.c[name] for name in Glance.__struct_fields__))
    .where(readings.c.transaction_id == bindparam("transaction_id"))
    .order_by(readings.c.at, readings.c.id)
)
_SIGNED = select(readings.c.at, readings.c.samples).where(
    readings.c.transaction_id == bindparam("transaction_id"),
    readings.c.samples.contains('"signed":'),
    func.length(readings.c.samples) <= SAMPLES_MAX,
)
_FIRST_SIGNED = _SIGNED.order_by(readings.c.at, readings.c.id).limit(SIGNED_MAX)
_LAST_SIGNED = _SIGNED.order_by(readings.c.at.desc(), readings.c.id.desc()).limit(SIGNED_MAX)
_OVERLAPS = (
    select(transactions.c.id)
    .where(
        transactions.c.station_id == bindparam("station_id"),
        transactions.c.evse == bindparam("evse"),
        transactions.c.id != bindparam("own_id"),
        transactions.c.started_at >= bindparam("since"),
        transactions.c.started_at < bindparam("before"),
        or_(
            and_(transactions.c.is_open.is_(True), transactions.c.started_at > bindparam("own_started")),
            transactions.c.ended_at > bindparam("after"),
        ),
    )
    .limit(20)
)
_POWER = select(connectors.c.number, connectors.c.max_power_w).where(
    connectors.c.station_id == bindparam("station_id"), connectors.c.evse == bindparam("evse")
)

_ADD_VERDICT = insert(verdicts)
_ADD_CHECK = insert(checks)
_KEEP_RECORD = insert(records)
_PUT_ITEM = upsert(items, ("transaction_id",))
_CLOSE_ITEM = (
    update(items)
    .where(items.c.transaction_id == bindparam("key"), items.c.closed_at.is_(None))
    .values(closed_at=bindparam("closed_at"), closed_by=bindparam("closed_by"), updated_at=bindparam("updated_at"))
)
_ADD_KEY = insert(meter_keys)
_RETIRE_KEY = update(meter_keys).where(meter_keys.c.id == bindparam("key")).values(valid_until=bindparam("valid_until"))
_PUT_SITE = upsert(sites, ("site_id",))


async def find_verdicts(database: Database, transaction_id: str) -> list[EnergyVerdict]:
    """Return all verdicts of a session, oldest first."""
    rows = await database.fetch_all(_VERDICTS_OF, {"transaction_id": transaction_id})
    return [_verdict(row)[0] for row in rows]


async def find_last(database: Database, transaction_id: str) -> tuple[EnergyVerdict, str] | None:
    """Return the verdict that counts, and the digest of the facts that it was judged from."""
    row = await database.fetch_one(_LAST, {"transaction_id": transaction_id})
    return _verdict(row) if row else None


async def find_checks(database: Database, transaction_id: str, number: int) -> list[SignatureCheck]:
    rows = await database.fetch_all(_CHECKS_OF, {"transaction_id": transaction_id, "number": number})
    return [msgspec.convert(row, SignatureCheck, builtin_types=_BUILTIN) for row in rows]


async def find_item(database: Database, transaction_id: str) -> ReviewItem | None:
    row = await database.fetch_one(_ITEM, {"transaction_id": transaction_id})
    if row is None:
        return None
    values = dict(row)
    codes = tuple(code for code in str(values.pop("doubts")).split("|") if code)
    return ReviewItem(**values, reasons=codes)


async def find_waiting(database: Database, since: datetime) -> list[str]:
    """Return the sessions that wait for a person since an instant or less long, the newest first."""
    return [row["transaction_id"] for row in await database.fetch_all(_OPEN_ITEMS, {"since": since})]


async def find_waiting_at(database: Database, station_id: str) -> list[str]:
    """Return the sessions of a station that wait for a person, oldest first."""
    return [row["transaction_id"] for row in await database.fetch_all(_OPEN_ITEMS_OF, {"station_id": station_id})]


async def find_key(database: Database, key_id: str) -> MeterKey | None:
    row = await database.fetch_one(_KEY_BY_ID, {"id": key_id})
    return MeterKey(**row) if row else None


async def find_keys(database: Database, station_id: str) -> list[MeterKey]:
    """Return the keys of a station's meters, retired ones too, oldest first."""
    return [MeterKey(**row) for row in await database.fetch_all(_KEYS_OF, {"station_id": station_id})]


async def find_site(database: Database, site_id: str) -> SiteEvidence | None:
    row = await database.fetch_one(_SITE, {"site_id": site_id})
    return SiteEvidence(**row) if row else None


async def find_site_of(database: Database, station_id: str) -> SiteEvidence | None:
    row = await database.fetch_one(_SITE_OF_STATION, {"station_id": station_id})
    return SiteEvidence(**row) if row else None


async def find_glances(database: Database, transaction_id: str) -> list[Glance]:
    return [Glance(**row) for row in await database.fetch_all(_GLANCES, {"transaction_id": transaction_id})]


async def find_signed(database: Database, transaction_id: str) -> list[SignedReading]:
    """Return the signed values of a session as they came: of very many the first and the last."""
    rows = await database.fetch_all(_FIRST_SIGNED, {"transaction_id": transaction_id})
    if len(rows) == SIGNED_MAX:
        rows += await database.fetch_all(_LAST_SIGNED, {"transaction_id": transaction_id})
    return [
        SignedReading(
            at=row["at"],
            context=sample.context,
            data=sample.signed.data,
            method=sample.signed.method,
            encoding=sample.signed.encoding,
            public_key=sample.signed.public_key,
        )
        for row in rows
        for sample in _samples(row["samples"])
        if sample.signed is not None
    ]


async def find_kept(database: Database, digests: Sequence[str]) -> dict[str, str]:
    """Return which of these signed values are kept, and the session that brought each first."""
    found: dict[str, str] = {}
    for first in range(0, len(digests), 500):
        statement = select(records.c.sha256, records.c.transaction_id).where(
            records.c.sha256.in_(digests[first : first + 500])
        )
        found.update((row["sha256"], row["transaction_id"]) for row in await database.select(statement))
    return found


async def find_overlaps(database: Database, transaction: Transaction, slack: timedelta) -> list[str]:
    """Return the other sessions that ran on the EVSE while this one did, by more than the slack."""
    if not transaction.evse or transaction.ended_at is None:
        return []
    params = {
        "station_id": transaction.station_id,
        "evse": transaction.evse,
        "own_id": transaction.id,
        "since": transaction.started_at - OVERLAP_LOOKED_BACK,
        "before": transaction.ended_at - slack,
        "own_started": transaction.started_at,
        "after": transaction.started_at + slack,
    }
    return [row["id"] for row in await database.fetch_all(_OVERLAPS, params)]


async def find_max_power(database: Database, transaction: Transaction) -> Decimal | None:
    """Return the most that the connector can give, as entered; that of the EVSE's strongest where it is not known."""
    params = {"station_id": transaction.station_id, "evse": transaction.evse or 0}
    rows = [row for row in await database.fetch_all(_POWER, params) if row["max_power_w"]]
    own = [row["max_power_w"] for row in rows if row["number"] == transaction.connector]
    watts = own or [row["max_power_w"] for row in rows]
    return Decimal(str(max(watts))) if watts else None


def add_verdict(work: Work, verdict: EnergyVerdict, station_id: str, *, facts: str, software: str) -> None:
    """Add a verdict; Conflict at the commit if somebody else added one of its number first."""
    row = msgspec.structs.asdict(verdict) | {
        "reasons": msgspec.to_builtins(verdict.reasons),
        "station_id": station_id,
        "facts": facts,
        "software": software,
    }
    work.execute(_ADD_VERDICT, row)


def add_checks(work: Work, made: Iterable[SignatureCheck]) -> None:
    for check in made:
        work.execute(_ADD_CHECK, msgspec.structs.asdict(check))


def keep_records(work: Work, transaction_id: str, values: Iterable[tuple[str, SignedReading]], at: datetime) -> None:
    """Keep signed values as they came; Conflict at the commit if somebody else kept one of them first."""
    for sha256, value in values:
        row: dict[str, Any] = {
            "sha256": sha256,
            "transaction_id": transaction_id,
            "data": value.data[:DATA_MAX],
            "method": value.method,
            "encoding": value.encoding,
            "public_key": value.public_key[:DATA_MAX] if value.public_key else None,
            "kept_at": at,
        }
        work.execute(_KEEP_RECORD, row)


def put_item(work: Work, item: ReviewItem) -> None:
    row = msgspec.structs.asdict(item)
    row["doubts"] = f"|{'|'.join(row.pop('reasons'))}|"
    work.execute(_PUT_ITEM, row)


def close_item(work: Work, transaction_id: str, at: datetime, by: str) -> None:
    work.execute(_CLOSE_ITEM, {"key": transaction_id, "closed_at": at, "closed_by": by, "updated_at": at})


def add_key(work: Work, key: MeterKey) -> None:
    work.execute(_ADD_KEY, msgspec.structs.asdict(key))


def retire_key(work: Work, key_id: str, at: datetime) -> None:
    work.execute(_RETIRE_KEY, {"key": key_id, "valid_until": at}, expect=1)


def put_site(work: Work, site: SiteEvidence) -> None:
    work.execute(_PUT_SITE, msgspec.structs.asdict(site))


def _verdict(row: Row) -> tuple[EnergyVerdict, str]:
    values = dict(row)
    facts = str(values.pop("facts"))
    return msgspec.convert(values, EnergyVerdict, builtin_types=_BUILTIN), facts
