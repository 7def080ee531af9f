"""Use cases of the ledger: the only door to it for other packages."""

from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import Earned, Posted
from ingufu.ledger.service.corrections import Corrections
from ingufu.ledger.service.hosts import Hosts
from ingufu.ledger.service.reconciliation import Reconciliation
from ingufu.ledger.service.units import retried
from ingufu.ledger.service.vouchers import Vouchers
from ingufu.ledger.service.wallets import Wallets

__all__ = ["Hosts", "Ledger", "Reconciliation", "Vouchers", "Wallets", "retried"]


class Ledger(Corrections):
    """The books of each organisation: entries, balances, what is booked to set something right, and hosts' shares."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        super().__init__(database, clock, ids)
        self._hosts = Hosts(database, clock, ids, self)

    async def share(self, work: Work, earned: Earned, *, by: str = "") -> Posted | None:
        """Book what the host of the site has of a charge record, or take it back by its credit: `Hosts.share`."""
        return await self._hosts.share(work, earned, by=by)
