"""Every query of agreements with hosts, of their shares, and of what was paid out to them."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, case, func, literal, or_, select, update

from ingufu.infra.storage.columns import Instant
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert
from ingufu.ledger.model import Agreement, Payout, PayoutStatus, Share, ShareBase
from ingufu.ledger.tables import ledger_agreements, ledger_payouts, ledger_shares

_AGREEMENT = [ledger_agreements.c[name] for name in Agreement.__struct_fields__]
_BY_ID = select(*_AGREEMENT).where(ledger_agreements.c.id == bindparam("id_"))
_OF_SITE = (
    select(*_AGREEMENT).where(ledger_agreements.c.site_id == bindparam("site")).order_by(ledger_agreements.c.number)
)
_APPLYING = select(*_AGREEMENT).where(
    ledger_agreements.c.site_id == bindparam("site"),
    ledger_agreements.c.currency == bindparam("currency_"),
    ledger_agreements.c.valid_from <= bindparam("at_"),
    or_(ledger_agreements.c.valid_until.is_(None), ledger_agreements.c.valid_until > bindparam("at_")),
)
_ADD = insert(ledger_agreements)
_END = (
    update(ledger_agreements)
    .where(
        ledger_agreements.c.id == bindparam("key"),
        or_(ledger_agreements.c.valid_until.is_(None), ledger_agreements.c.valid_until > bindparam("until")),
    )
    .values(valid_until=bindparam("until"))
)
_SHARE = select(ledger_shares).where(
    ledger_shares.c.organisation_id == bindparam("organisation"), ledger_shares.c.record_id == bindparam("record")
)
_ADD_SHARE = insert(ledger_shares)
_PAYOUT = select(ledger_payouts).where(ledger_payouts.c.id == bindparam("id_"))
_ADD_PAYOUT = insert(ledger_payouts)
_END_PAYOUT = (
    update(ledger_payouts)
    .where(ledger_payouts.c.id == bindparam("key"), ledger_payouts.c.status == PayoutStatus.MADE.value)
    .values(
        status=bindparam("status_"),
        bank_reference=bindparam("reference_"),
        ended_at=bindparam("at_"),
        ended_by=bindparam("by_"),
        ended_entry_id=bindparam("entry_"),
    )
)


async def find_agreement(database: Database, agreement_id: str) -> Agreement | None:
    """Return the agreement."""
    row = await database.fetch_one(_BY_ID, {"id_": agreement_id})
    return _agreement(row) if row else None


async def agreements_of(database: Database, site_id: str) -> list[Agreement]:
    """Return every agreement about the site, the first first."""
    return [_agreement(row) for row in await database.fetch_all(_OF_SITE, {"site": site_id})]


async def all_agreements(database: Database, organisation_id: str, site_ids: Collection[str] | None) -> list[Agreement]:
    """Return all agreements, of these sites only if given, by site."""
    found = select(*_AGREEMENT).where(ledger_agreements.c.organisation_id == organisation_id)
    if site_ids is not None:
        found = found.where(ledger_agreements.c.site_id.in_(site_ids))
    rows = await database.select(found.order_by(ledger_agreements.c.site_id, ledger_agreements.c.number))
    return [_agreement(row) for row in rows]


async def find_applying(database: Database, site_id: str, currency: str, at: datetime) -> Agreement | None:
    """Return the agreement about the site that counts at the instant."""
    row = await database.fetch_one(_APPLYING, {"site": site_id, "currency_": currency, "at_": at})
    return _agreement(row) if row else None


def add_agreement(work: Work, agreement: Agreement) -> None:
    """Store an agreement; Conflict at the commit if another about the site came first."""
    work.execute(_ADD, {**msgspec.structs.asdict(agreement), "base": agreement.base.value})


def end_agreement(work: Work, agreement_id: str, until: datetime) -> None:
    """Let an agreement end; Conflict at the commit if it ended before that already."""
    work.execute(_END, {"key": agreement_id, "until": until}, expect=1)


def end_agreements(
    work: Work, organisation_id: str, site_id: str, *, except_with: str | None, at: datetime, expect: int
) -> None:
    """Let all agreements about the site end that are not with this host; one that has not begun ends as it begins.

    Conflict at the commit unless there are so many of them: another one was agreed meanwhile, or has ended.
    """
    agreements = ledger_agreements.c
    is_with_none = agreements.host_id.is_(None)
    others = ~is_with_none if except_with is None else or_(is_with_none, agreements.host_id != except_with)
    counts_later = and_(agreements.valid_until > at, agreements.valid_until > agreements.valid_from)
    work.execute_once(
        update(ledger_agreements)
        .where(
            agreements.organisation_id == organisation_id,
            agreements.site_id == site_id,
            others,
            or_(agreements.valid_until.is_(None), counts_later),
        )
        .values(valid_until=case((agreements.valid_from > at, agreements.valid_from), else_=literal(at, Instant))),
        expect=expect,
    )


async def find_share(database: Database, organisation_id: str, record_id: str) -> Share | None:
    """Return the share in a charge record."""
    row = await database.fetch_one(_SHARE, {"organisation": organisation_id, "record": record_id})
    return Share(**row) if row else None


def add_share(work: Work, share: Share) -> None:
    """Store a share; Conflict at the commit if the record is shared already."""
    work.execute(_ADD_SHARE, msgspec.structs.asdict(share))


async def share_totals(database: Database, site_id: str, currency: str, since: datetime, until: datetime) -> Row:
    """Return how many records were shared in a time, their energy, what they were shared on, and the shares."""
    shares = ledger_shares.c
    rows = await database.select(
        select(
            func.count(shares.entry_id).label("records"),
            _total(shares.energy_wh, "energy_wh"),
            _total(shares.based_on, "based_on"),
            _total(shares.amount, "amount"),
        ).where(shares.site_id == site_id, shares.currency == currency, shares.at >= since, shares.at < until)
    )
    return rows[0]


async def find_payout(database: Database, payout_id: str) -> Payout | None:
    """Return the payout."""
    row = await database.fetch_one(_PAYOUT, {"id_": payout_id})
    return _payout(row) if row else None


def add_payout(work: Work, payout: Payout) -> None:
    """Store a payout."""
    work.execute(_ADD_PAYOUT, msgspec.structs.asdict(payout))


def end_payout(work: Work, payout: Payout) -> None:
    """Store how a payout ended; Conflict at the commit if it has ended already."""
    values = {
        "key": payout.id,
        "status_": payout.status.value,
        "reference_": payout.bank_reference,
        "at_": payout.ended_at,
        "by_": payout.ended_by,
        "entry_": payout.ended_entry_id,
    }
    work.execute(_END_PAYOUT, values, expect=1)


def _total(column: Any, name: str) -> Any:
    return func.coalesce(func.sum(column, type_=column.type), Decimal(0), type_=column.type).label(name)


def _agreement(row: Row) -> Agreement:
    return Agreement(**{**row, "base": ShareBase(row["base"])})


def _payout(row: Row) -> Payout:
    return Payout(**{**row, "status": PayoutStatus(row["status"])})
