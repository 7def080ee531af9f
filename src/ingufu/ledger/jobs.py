"""What is done about the ledger by itself: holds that nobody captured go back, vouchers that expired are booked."""

import asyncio

import structlog

from ingufu.core.errors import IngufuError
from ingufu.ledger.service import Vouchers, Wallets

LOOK_S = 60.0

log = structlog.get_logger(__name__)


async def keep_ledger(wallets: Wallets, vouchers: Vouchers) -> None:
    """End what has expired until cancelled. What goes wrong is logged and tried again; a crash forgets nothing."""
    while True:
        try:
            ended = await wallets.expire() + await vouchers.expire()
            if ended:
                log.info("ledger.expired", ended=ended)
                continue  # there may be more than are taken at once
        except IngufuError as error:
            log.warning("ledger.not_kept", error=error.message)
        except Exception:
            log.exception("ledger.not_kept")
        await asyncio.sleep(LOOK_S)
