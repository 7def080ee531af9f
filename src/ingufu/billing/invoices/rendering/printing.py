"""Who draws documents: in threads, a few at a time, so that nothing else waits."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingufu.billing.invoices.rendering.sheet import Sheet

AT_ONCE = 2  # drawings; a statement of a thousand sessions takes a second of a core


class Printer:
    """Draws; what it draws with is loaded by the first drawing, for processes that never draw."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    async def pdf(self, sheet: "Sheet", *, attached: bytes = b"") -> bytes:
        """Return the sheet as PDF; with the e-invoice `attached`, as PDF/A-3 that machines can read, too."""
        from ingufu.billing.invoices.rendering import pdf  # noqa: PLC0415 - large

        async with self._room:
            return await asyncio.to_thread(pdf.draw, sheet, attached=attached)
