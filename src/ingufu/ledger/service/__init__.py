"""Use cases of the ledger: the only door to it for other packages."""

from ingufu.ledger.service.corrections import Corrections
from ingufu.ledger.service.hosts import Hosts
from ingufu.ledger.service.reconciliation import Reconciliation
from ingufu.ledger.service.units import retried
from ingufu.ledger.service.vouchers import Vouchers
from ingufu.ledger.service.wallets import Wallets

__all__ = ["Hosts", "Ledger", "Reconciliation", "Vouchers", "Wallets", "retried"]


class Ledger(Corrections):
    """The books of each organisation: entries, balances, and what is booked to set something right."""
