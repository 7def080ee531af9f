"""Use cases of the ledger: the only door to it for other packages."""

from ingufu.ledger.service.books import Ledger
from ingufu.ledger.service.units import retried

__all__ = ["Ledger", "retried"]
