"""Meters' registers at both ends of sessions, for the proof on documents."""

from collections.abc import Mapping, Sequence

from ingufu.billing.invoices.model import Registers
from ingufu.charging.service import Charging
from ingufu.core.errors import NotFound


class SessionRegisters:
    """Implements `billing.invoices.ports.RegisterSource`."""

    def __init__(self, charging: Charging) -> None:
        self._charging = charging

    async def registers(self, transaction_ids: Sequence[str]) -> Mapping[str, Registers]:
        """Return what is known; a session that is kept no longer is left out."""
        found: dict[str, Registers] = {}
        for transaction_id in transaction_ids:
            try:
                session = await self._charging.get(transaction_id)
            except NotFound:
                continue
            found[transaction_id] = Registers(begin_wh=session.start_wh, end_wh=session.end_wh)
        return found
