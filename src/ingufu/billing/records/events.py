"""What happens to charge records."""

from decimal import Decimal

from ingufu.core.events import Event


class ChargeRecordIssued(Event, frozen=True, kw_only=True):
    """A charge record, or the credit of one, was issued and booked. Amounts of a credit are negative."""

    record: str
    record_kind: str
    corrects: str | None = None
    organisation_id: str
    driver_id: str | None = None
    currency: str
    net: Decimal
    gross: Decimal
    energy_wh: Decimal


class SessionUnpriced(Event, frozen=True, kw_only=True):
    """A session cannot be billed because no tariff applies to it."""

    reason: str
