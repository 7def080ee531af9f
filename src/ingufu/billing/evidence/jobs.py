"""What is done about doubtful sessions by itself: those that wait are looked at again, for what has come late."""

import asyncio

import structlog

from ingufu.billing.evidence.service import Evidence
from ingufu.core.errors import IngufuError

LOOK_S = 600.0

log = structlog.get_logger(__name__)


async def keep_judging(evidence: Evidence, *, every_s: float = LOOK_S) -> None:
    """Judge anew what waits, again and again until cancelled. What goes wrong is logged and tried again."""
    while True:
        try:
            changed = await evidence.judge_waiting()
            if changed:
                log.info("evidence.judged_anew", sessions=changed)
        except IngufuError as error:
            log.warning("evidence.not_judged", error=error.message)
        except Exception:
            log.exception("evidence.not_judged")
        await asyncio.sleep(every_s)
