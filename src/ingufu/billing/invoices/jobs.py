"""What bills by itself, for as long as the process runs: receipts soon after a session, statements after a month."""

import asyncio

import structlog

from ingufu.billing.invoices.service import Invoicing
from ingufu.core.errors import IngufuError

LOOK_S = 3.0
STATEMENTS_S = 60.0

log = structlog.get_logger(__name__)


async def keep_invoicing(invoicing: Invoicing) -> None:
    """Bill what is issued until cancelled. What goes wrong is logged and tried again."""
    wait_s = 0.0
    while True:
        try:
            await invoicing.sweep()
            if wait_s <= 0:
                wait_s = STATEMENTS_S
                await invoicing.make_due_statements()
        except IngufuError as error:
            log.warning("invoicing.not_done", error=error.message)
        except Exception:
            log.exception("invoicing.not_done")
        await asyncio.sleep(LOOK_S)
        wait_s -= LOOK_S
