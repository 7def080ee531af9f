"""Sending what waits to be sent, until cancelled."""

import asyncio

import structlog

from ingufu.core.errors import IngufuError
from ingufu.infra.mail.service import Mails

LOOK_S = 3.0

log = structlog.get_logger(__name__)


async def keep_mailing(mails: Mails, *, look_s: float = LOOK_S) -> None:
    """Send mail until cancelled. What goes wrong is logged and tried again; a crash forgets nothing."""
    while mails.is_on:
        try:
            await mails.send_due()
        except IngufuError as error:
            log.warning("mail.not_looked", error=error.message)
        except Exception:
            log.exception("mail.not_looked")
        await asyncio.sleep(look_s)
