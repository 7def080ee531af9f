"""What happens at fiscal devices."""

from ingufu.core.events import Event


class ReceiptSigned(Event, frozen=True, kw_only=True):
    """A fiscal device signed a document."""

    document: str
    device: str
    number: int


class FiscalDeviceStopped(Event, frozen=True, kw_only=True):
    """A fiscal device refused something: nothing more is sent until a person has looked."""

    device: str
    problem: str
