"""What is done about signing in by itself: ways back in are mailed, what is over is deleted."""

import asyncio

import structlog

from ingufu.accounts.sign_in.service import SignIn
from ingufu.accounts.sign_in.service.links import Write
from ingufu.core.errors import IngufuError

LOOK_S = 2.0
_PRUNE_EVERY = 1800  # looks

log = structlog.get_logger(__name__)


async def keep_sign_in(sign_in: SignIn, write: Write, *, look_s: float = LOOK_S) -> None:
    """Answer who asks for a way back in, until cancelled. A crash forgets nothing."""
    looks = 0
    while True:
        try:
            await sign_in.links.answer_resets(write)
            if looks % _PRUNE_EVERY == 0:
                await sign_in.links.prune()
                await sign_in.mails.prune()
            looks += 1
        except IngufuError as error:
            log.warning("sign_in.not_kept", error=error.message)
        except Exception:
            log.exception("sign_in.not_kept")
        await asyncio.sleep(look_s)
