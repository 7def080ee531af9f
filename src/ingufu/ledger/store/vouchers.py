"""Every query of vouchers."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, update

from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.statements import insert
from ingufu.ledger.model import Voucher, VoucherUse
from ingufu.ledger.tables import ledger_voucher_uses, ledger_vouchers

_BY_ID = select(ledger_vouchers).where(ledger_vouchers.c.id == bindparam("id_"))
_BY_CODE = select(ledger_vouchers).where(ledger_vouchers.c.code_hash == bindparam("hash"))
_DUE = (
    select(ledger_vouchers)
    .where(ledger_vouchers.c.ended_at.is_(None), ledger_vouchers.c.expires_at <= bindparam("now"))
    .order_by(ledger_vouchers.c.expires_at)
    .limit(200)
)
_USES = (
    select(ledger_voucher_uses)
    .where(ledger_voucher_uses.c.voucher_id == bindparam("voucher"))
    .order_by(ledger_voucher_uses.c.number)
    .limit(1000)
)
_USE_OF = select(ledger_voucher_uses).where(
    ledger_voucher_uses.c.voucher_id == bindparam("voucher"), ledger_voucher_uses.c.driver_id == bindparam("driver")
)
_ADD = insert(ledger_vouchers)
_ADD_USE = insert(ledger_voucher_uses)
_USE = (
    update(ledger_vouchers)
    .where(
        ledger_vouchers.c.id == bindparam("key"),
        ledger_vouchers.c.used == bindparam("before"),
        ledger_vouchers.c.used < ledger_vouchers.c.uses,
        ledger_vouchers.c.ended_at.is_(None),
    )
    .values(used=ledger_vouchers.c.used + 1)
)
_END = (
    update(ledger_vouchers)
    .where(
        ledger_vouchers.c.id == bindparam("key"),
        ledger_vouchers.c.used == bindparam("before"),
        ledger_vouchers.c.ended_at.is_(None),
    )
    .values(ended_at=bindparam("at_"))
)


async def find(database: Database, voucher_id: str) -> Voucher | None:
    """Return the voucher."""
    row = await database.fetch_one(_BY_ID, {"id_": voucher_id})
    return Voucher(**row) if row else None


async def find_by_code(database: Database, code_hash: str) -> Voucher | None:
    """Return the voucher whose code has this hash."""
    row = await database.fetch_one(_BY_CODE, {"hash": code_hash})
    return Voucher(**row) if row else None


async def find_due(database: Database, now: datetime) -> list[Voucher]:
    """Return some of the vouchers that have expired by now."""
    return [Voucher(**row) for row in await database.fetch_all(_DUE, {"now": now})]


async def uses_of(database: Database, voucher_id: str) -> list[VoucherUse]:
    """Return the uses of a voucher, the first first."""
    return [VoucherUse(**row) for row in await database.fetch_all(_USES, {"voucher": voucher_id})]


async def find_use(database: Database, voucher_id: str, driver_id: str) -> VoucherUse | None:
    """Return the driver's use of a voucher."""
    row = await database.fetch_one(_USE_OF, {"voucher": voucher_id, "driver": driver_id})
    return VoucherUse(**row) if row else None


def add(work: Work, voucher: Voucher) -> None:
    """Store a voucher; Conflict at the commit if its code is taken."""
    work.execute(_ADD, msgspec.structs.asdict(voucher))


def use(work: Work, voucher: Voucher, made: VoucherUse) -> None:
    """Store a use; Conflict at the commit if the voucher was used or ended meanwhile, or by this driver before."""
    work.execute(_USE, {"key": voucher.id, "before": voucher.used}, expect=1)
    work.execute(_ADD_USE, msgspec.structs.asdict(made))


def end(work: Work, voucher: Voucher, at: datetime) -> None:
    """Let a voucher not be used any more; Conflict at the commit if it was used or ended meanwhile."""
    work.execute(_END, {"key": voucher.id, "before": voucher.used, "at_": at}, expect=1)
