"""Seals the audit trail soon after each entry, and checks the whole of it from time to time."""

import asyncio
from datetime import timedelta

import structlog

from ingufu.accounts.service import Accounts
from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError

SEAL_EVERY_S = 2.0  # what other processes write is sealed so soon; our own at once
GATHER_S = 0.05  # so that entries of one moment are sealed together
VERIFY_EVERY_S = 3600.0
PATIENCE = 4.0  # a fifth of the time at most
FIRST_VERIFY_AFTER_S = 30.0  # the start belongs to people and stations

log = structlog.get_logger(__name__)


class AuditKeeper:
    """Several processes may run it: of two that seal at once, one finds the head moved."""

    def __init__(
        self, accounts: Accounts, clock: Clock, *, kept_days: int = 0, verify_every_s: float = VERIFY_EVERY_S
    ) -> None:
        """Entries older than `kept_days` go; 0: they stay for ever."""
        self._accounts = accounts
        self._clock = clock
        self._kept = timedelta(days=kept_days)
        self._verify_every_s = verify_every_s
        self._stirred = asyncio.Event()

    async def run_sealing(self) -> None:
        """Seal until cancelled, and once more then."""
        self._accounts.on_audited = self._stirred.set
        try:
            while True:
                await self._seal()
                self._stirred.clear()
                try:
                    async with asyncio.timeout(SEAL_EVERY_S):
                        await self._stirred.wait()
                        await asyncio.sleep(GATHER_S)
                except TimeoutError:
                    pass
        finally:
            await self._seal()

    async def run_verifying(self, *, first_s: float = FIRST_VERIFY_AFTER_S) -> None:
        """Let go what is too old and check the rest, until cancelled; what is wrong is logged, and shown on request."""
        await asyncio.sleep(first_s)
        while True:
            try:
                await self.prune()
                await self._accounts.verify_audit(pause=PATIENCE)
            except IngufuError as error:
                log.warning("audit.not_verified", error=error.message)
            except Exception:
                log.exception("audit.not_verified")
            await asyncio.sleep(self._verify_every_s)

    async def prune(self) -> None:
        """Let go what is older than it is kept. Raises Unavailable."""
        if self._kept:
            await self._accounts.seal_audit()
            await self._accounts.prune_audit(self._clock.now() - self._kept)

    async def _seal(self) -> None:
        try:
            await self._accounts.seal_audit()
        except IngufuError as error:
            log.warning("audit.not_sealed", error=error.message)
        except Exception:
            log.exception("audit.not_sealed")
