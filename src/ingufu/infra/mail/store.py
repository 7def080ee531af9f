"""Every query of mail on its way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, func, not_, select, update

from ingufu.infra.mail.model import Mail, MailState
from ingufu.infra.mail.tables import outgoing_mail
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.statements import insert

_ADD = insert(outgoing_mail)
_DUE = (
    select(outgoing_mail)
    .where(outgoing_mail.c.next_try_at <= bindparam("now_"))
    .order_by(outgoing_mail.c.next_try_at, outgoing_mail.c.id)
    .limit(20)
)
_CLAIM = (
    update(outgoing_mail)
    .where(outgoing_mail.c.id == bindparam("id_"), outgoing_mail.c.tries == bindparam("was"))
    .values(tries=bindparam("now_tried"), next_try_at=bindparam("until"))
)
_LATEST = select(outgoing_mail).order_by(outgoing_mail.c.id.desc()).limit(bindparam("most"))
_PRUNE = delete(outgoing_mail).where(
    outgoing_mail.c.next_try_at.is_(None), outgoing_mail.c.created_at < bindparam("before")
)


def add(work: Work, mail: Mail) -> None:
    work.execute(_ADD, msgspec.structs.asdict(mail))


async def due(database: Database, now: datetime) -> list[Mail]:
    return msgspec.convert(await database.fetch_all(_DUE, {"now_": now}), list[Mail])


async def latest(database: Database, most: int) -> list[Mail]:
    return msgspec.convert(await database.fetch_all(_LATEST, {"most": most}), list[Mail])


async def find(database: Database, mail_id: str) -> Mail | None:
    rows = await database.select(select(outgoing_mail).where(outgoing_mail.c.id == mail_id))
    return msgspec.convert(rows[0], Mail) if rows else None


async def page(
    database: Database, *, state: MailState | None, recipient: str, before_id: str | None, limit: int
) -> list[Mail]:
    """Return mails of a state (None: all) whose recipient has this text in it, the newest first."""
    known = outgoing_mail.c
    statement = select(outgoing_mail).order_by(known.id.desc()).limit(limit)
    if state is not None:
        is_sent, waits = known.sent_at.is_not(None), known.next_try_at.is_not(None)
        wanted = {
            MailState.SENT: is_sent,
            MailState.WAITING: and_(not_(is_sent), waits),
            MailState.FAILED: and_(not_(is_sent), not_(waits)),
        }
        statement = statement.where(wanted[state])
    if recipient:
        statement = statement.where(func.lower(known.recipient).contains(recipient.casefold(), autoescape=True))
    if before_id is not None:
        statement = statement.where(known.id < before_id)
    return msgspec.convert(await database.select(statement), list[Mail])


def drop(work: Work, mail_id: str) -> None:
    work.execute_once(delete(outgoing_mail).where(outgoing_mail.c.id == mail_id))


def claim(work: Work, mail: Mail, until: datetime) -> None:
    """Take the mail for this process; the unit is undone with Conflict if another one was faster."""
    work.execute(_CLAIM, {"id_": mail.id, "was": mail.tries, "now_tried": mail.tries + 1, "until": until}, expect=1)


def change(work: Work, mail_id: str, values: Mapping[str, Any]) -> None:
    work.execute_once(update(outgoing_mail).where(outgoing_mail.c.id == mail_id).values(**values))


def prune(work: Work, before: datetime) -> None:
    work.execute(_PRUNE, {"before": before})
