"""What every fiscal device can be asked."""

from typing import Protocol

from ingufu.billing.fiscal.model import Answer


class FiscalDevice(Protocol):
    """One device of a tax authority. None of these raises: what goes wrong is an answer, too."""

    async def init(self) -> Answer:
        """Make the device ready, and hear what it says of itself."""
        ...

    async def issue(self, request: str) -> Answer:
        """Have a sale, or a refund, signed; `request` is what `write` made of it."""
        ...

    async def read_back(self, number: int) -> Answer:
        """Read a sale that was sent before."""
        ...

    async def status(self) -> Answer:
        """Ask whether the device is there, changing nothing."""
        ...
