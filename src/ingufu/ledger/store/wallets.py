"""Every query of holds, refunds and what guards them."""

from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import bindparam, select, update

from ingufu.infra.storage.columns import EXACT_LIMIT, Exact
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore
from ingufu.ledger.model import Hold, HoldStatus, Refund
from ingufu.ledger.tables import ledger_accounts, ledger_holds, ledger_refundables, ledger_refunds

_HOLD = [ledger_holds.c[name] for name in Hold.__struct_fields__]
_BY_REFERENCE = select(*_HOLD).where(
    ledger_holds.c.organisation_id == bindparam("organisation_id"), ledger_holds.c.reference == bindparam("reference")
)
_OF_DRIVER = (
    select(*_HOLD)
    .where(ledger_holds.c.driver_id == bindparam("driver_id"))
    .order_by(ledger_holds.c.id.desc())
    .limit(50)
)
_DUE = (
    select(*_HOLD)
    .where(ledger_holds.c.status == HoldStatus.HELD.value, ledger_holds.c.expires_at <= bindparam("now"))
    .order_by(ledger_holds.c.expires_at)
    .limit(200)
)
_ADD = insert(ledger_holds)
_END = (
    update(ledger_holds)
    .where(ledger_holds.c.id == bindparam("key"), ledger_holds.c.status == HoldStatus.HELD.value)
    .values(status=bindparam("after"), captured=bindparam("taken", type_=Exact), ended_at=bindparam("at_"))
)
_REFUNDS = select(ledger_refunds).where(ledger_refunds.c.entry_id == bindparam("entry")).order_by(ledger_refunds.c.at)
_REFUND = select(ledger_refunds).where(ledger_refunds.c.id == bindparam("id_"))
_ADD_REFUND = insert(ledger_refunds)
_REFUNDABLE = insert_or_ignore(ledger_refundables)
_GIVE_BACK = (
    update(ledger_refundables)
    .where(
        ledger_refundables.c.entry_id == bindparam("entry"),
        ledger_refundables.c.refunded + bindparam("more", type_=Exact) <= ledger_refundables.c.amount,
    )
    .values(refunded=ledger_refundables.c.refunded + bindparam("more", type_=Exact))
)
_STANDS = (
    update(ledger_accounts)
    .where(
        ledger_accounts.c.id == bindparam("account"),
        ledger_accounts.c.balance >= bindparam("least", type_=Exact),
        ledger_accounts.c.balance <= bindparam("most", type_=Exact),
    )
    .values(version=ledger_accounts.c.version)
)


async def find_hold(database: Database, organisation_id: str, reference: str) -> Hold | None:
    """Return the hold that was made under the reference."""
    row = await database.fetch_one(_BY_REFERENCE, {"organisation_id": organisation_id, "reference": reference})
    return _hold(row) if row else None


async def holds_of(database: Database, driver_id: str) -> list[Hold]:
    """Return the driver's last holds, newest first."""
    return [_hold(row) for row in await database.fetch_all(_OF_DRIVER, {"driver_id": driver_id})]


async def due_holds(database: Database, now: datetime) -> list[Hold]:
    """Return some of the holds that have expired by now."""
    return [_hold(row) for row in await database.fetch_all(_DUE, {"now": now})]


def add_hold(work: Work, hold: Hold) -> None:
    """Store a hold; Conflict at the commit if there is one under its reference."""
    work.execute(_ADD, msgspec.structs.asdict(hold))


def end_hold(work: Work, hold: Hold, status: HoldStatus, captured: Decimal, at: datetime) -> None:
    """Store how a hold ended; Conflict at the commit if it has ended already."""
    work.execute(_END, {"key": hold.id, "after": status.value, "taken": captured, "at_": at}, expect=1)


def give_back_all(work: Work, entry_id: str, *, most: Decimal) -> None:
    """Let nothing more be given back of an entry; Conflict at the commit if something was."""
    work.execute(_REFUNDABLE, {"entry_id": entry_id, "amount": most, "refunded": Decimal(0)})
    work.execute(_GIVE_BACK, {"entry": entry_id, "more": most}, expect=1)


async def refunds_of(database: Database, entry_id: str) -> list[Refund]:
    """Return what was given back of an entry, oldest first."""
    return [Refund(**row) for row in await database.fetch_all(_REFUNDS, {"entry": entry_id})]


async def find_refund(database: Database, refund_id: str) -> Refund | None:
    """Return the refund that this entry is."""
    row = await database.fetch_one(_REFUND, {"id_": refund_id})
    return Refund(**row) if row else None


def add_refund(work: Work, refund: Refund, *, most: Decimal) -> None:
    """Store a refund; Conflict at the commit if more than `most` would be given back of its entry in all."""
    work.execute(_REFUNDABLE, {"entry_id": refund.entry_id, "amount": most, "refunded": Decimal(0)})
    work.execute(_GIVE_BACK, {"entry": refund.entry_id, "more": refund.amount}, expect=1)
    work.execute(_ADD_REFUND, msgspec.structs.asdict(refund))


def require_balance(work: Work, account: str, *, least: Decimal = -EXACT_LIMIT, most: Decimal = EXACT_LIMIT) -> None:
    """Have the unit undone with Conflict unless the account's balance lies so after its writes until now."""
    work.execute(_STANDS, {"account": account, "least": least, "most": most}, expect=1)


def _hold(row: Row) -> Hold:
    return Hold(**{**row, "status": HoldStatus(row["status"])})
