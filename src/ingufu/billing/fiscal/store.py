"""Every query of fiscal devices and their queues."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, or_, select, update

from ingufu.billing.fiscal.model import Device, Receipt
from ingufu.billing.fiscal.tables import fiscal_devices, fiscal_receipts
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

_DEVICES = select(fiscal_devices).order_by(fiscal_devices.c.name, fiscal_devices.c.id)
_DEVICE = select(fiscal_devices).where(fiscal_devices.c.id == bindparam("id"))
_INSERT_DEVICE = insert(fiscal_devices)
_DEVICE_CHANGES = (
    *("name", "settings", "sealed", "state", "problem"),
    *("next_number", "tries", "try_at", "told", "updated_at"),
)
_UPDATE_DEVICE = (
    update(fiscal_devices)
    .where(fiscal_devices.c.id == bindparam("device"), fiscal_devices.c.version == bindparam("before"))
    .values({name: bindparam(name) for name in _DEVICE_CHANGES} | {"version": fiscal_devices.c.version + 1})
)
_LEASE = (
    update(fiscal_devices)
    .where(
        fiscal_devices.c.id == bindparam("device"),
        or_(
            fiscal_devices.c.lease.is_(None),
            fiscal_devices.c.lease == bindparam("holder"),
            fiscal_devices.c.lease_until < bindparam("now"),
        ),
    )
    .values(lease=bindparam("mine"), lease_until=bindparam("until"))
)
_RECEIPT = select(fiscal_receipts).where(fiscal_receipts.c.document_id == bindparam("document"))
_HEAD = (
    select(fiscal_receipts)
    .where(fiscal_receipts.c.device_id == bindparam("device"), fiscal_receipts.c.state != "signed")
    .order_by(fiscal_receipts.c.place)
    .limit(1)
)
_QUEUE = (
    select(fiscal_receipts)
    .where(fiscal_receipts.c.device_id == bindparam("device"), fiscal_receipts.c.state != "signed")
    .order_by(fiscal_receipts.c.place)
    .limit(bindparam("limit"))
)
_LENGTHS = (
    select(fiscal_receipts.c.device_id, func.count().label("length"))
    .where(fiscal_receipts.c.state != "signed")
    .group_by(fiscal_receipts.c.device_id)
)
_LAST_PLACE = select(func.max(fiscal_receipts.c.place).label("place")).where(
    fiscal_receipts.c.device_id == bindparam("device")
)
_INSERT = insert(fiscal_receipts)
_CHANGES = ("number", "state", "request", "stamp", "problem", "signed_at")
_UPDATE = (
    update(fiscal_receipts)
    .where(fiscal_receipts.c.document_id == bindparam("document"), fiscal_receipts.c.state != "signed")
    .values({name: bindparam(name) for name in _CHANGES})
)


async def find_devices(database: Database) -> list[Device]:
    return [_device(row) for row in await database.fetch_all(_DEVICES)]


async def find_device(database: Database, device_id: str) -> Device | None:
    row = await database.fetch_one(_DEVICE, {"id": device_id})
    return _device(row) if row else None


def add_device(work: Work, device: Device) -> None:
    work.execute(_INSERT_DEVICE, msgspec.structs.asdict(device) | _device_row(device) | {"kind": device.kind.value})


def change_device(work: Work, device: Device) -> None:
    """Store a device that is still of the version that was read; Conflict at the commit otherwise."""
    row = {name: getattr(device, name) for name in _DEVICE_CHANGES} | _device_row(device)
    work.execute(_UPDATE_DEVICE, row | {"device": device.id, "before": device.version}, expect=1)


def lease(work: Work, device_id: str, holder: str, now: datetime, until: datetime) -> None:
    """Have this process alone talk to the device; Conflict at the commit if another one does."""
    values = {"device": device_id, "holder": holder, "mine": holder, "now": now, "until": until}
    work.execute(_LEASE, values, expect=1)


def release(work: Work, device_id: str, holder: str, now: datetime) -> None:
    work.execute(_LEASE, {"device": device_id, "holder": holder, "mine": None, "now": now, "until": None})


async def find_receipt(database: Database, document_id: str) -> Receipt | None:
    row = await database.fetch_one(_RECEIPT, {"document": document_id})
    return _receipt(row) if row else None


async def find_receipts(database: Database, document_ids: Sequence[str]) -> list[Receipt]:
    rows = await database.select(select(fiscal_receipts).where(fiscal_receipts.c.document_id.in_(document_ids)))
    return [_receipt(row) for row in rows]


async def find_head(database: Database, device_id: str) -> Receipt | None:
    """Return what is to be signed next."""
    row = await database.fetch_one(_HEAD, {"device": device_id})
    return _receipt(row) if row else None


async def find_queue(database: Database, device_id: str, limit: int) -> list[Receipt]:
    return [_receipt(row) for row in await database.fetch_all(_QUEUE, {"device": device_id, "limit": limit})]


async def find_lengths(database: Database) -> dict[str, int]:
    """Return how many receipts wait, by device."""
    return {row["device_id"]: row["length"] for row in await database.fetch_all(_LENGTHS)}


async def find_last_place(database: Database, device_id: str) -> int:
    row = await database.fetch_one(_LAST_PLACE, {"device": device_id})
    return 0 if row is None or row["place"] is None else int(row["place"])


def add(work: Work, receipt: Receipt) -> None:
    """Queue a receipt; Conflict at the commit if its place was taken."""
    work.execute(_INSERT, msgspec.structs.asdict(receipt) | {"state": receipt.state.value, "stamp": None})


def change(work: Work, receipt: Receipt) -> None:
    row: dict[str, Any] = {name: getattr(receipt, name) for name in _CHANGES}
    row |= {"state": receipt.state.value, "document": receipt.document_id}
    row["stamp"] = msgspec.to_builtins(receipt.stamp) if receipt.stamp else None
    work.execute(_UPDATE, row, expect=1)


def _device_row(device: Device) -> dict[str, Any]:
    return {
        "state": device.state.value,
        "settings": msgspec.to_builtins(device.settings),
        "told": msgspec.to_builtins(device.told),
    }


def _device(row: Row) -> Device:
    return msgspec.convert(row, Device)


def _receipt(row: Row) -> Receipt:
    return msgspec.convert(row, Receipt)
