"""What happens to transactions."""

from decimal import Decimal

from ingufu.core.events import Event


class TransactionStarted(Event, frozen=True, kw_only=True):
    """A charging transaction began."""

    evse: int | None
    verdict: str | None


class TransactionUpdated(Event, frozen=True, kw_only=True):
    """Announced live, not stored: the readings themselves are."""

    evse: int | None
    state: str
    energy_wh: Decimal
    power_w: float | None
    soc_percent: float | None


class TransactionEnded(Event, frozen=True, kw_only=True):
    """A charging transaction ended; again, if the station's own end replaces our estimate."""

    evse: int | None
    energy_wh: Decimal
    stop_reason: str | None
    is_estimated: bool


class TransactionCorrected(Event, frozen=True, kw_only=True):
    """What came late changed a transaction that had ended: who has used its figures has to look again."""

    evse: int | None
    energy_wh: Decimal


class TransactionDetailed(Event, frozen=True, kw_only=True):
    """What came late told more of a transaction that had ended: its energy and times stay, but its price may not."""


class AnomalySeen(Event, frozen=True, kw_only=True):
    """Something odd was reported; it is kept as it came and marked."""

    anomaly: str
    detail: str
