"""What happens to the evidence of sessions."""

from decimal import Decimal

from ingufu.core.events import Event


class EnergyJudged(Event, frozen=True, kw_only=True):
    """The energy of a session was judged; again, if what is known of it has changed."""

    number: int
    standing: str
    energy_wh: Decimal
    confidence: str
    signature: str


class ReviewOpened(Event, frozen=True, kw_only=True):
    """A session waits for a person to decide what is billed; again, if there is a new proposal."""

    number: int
    proposed_wh: Decimal
    reasons: tuple[str, ...]


class ReviewDecided(Event, frozen=True, kw_only=True):
    """A person decided what is billed of a session."""

    number: int
    standing: str
    energy_wh: Decimal
    decided_by: str


class MeterKeyAdded(Event, frozen=True, kw_only=True):
    """The public key of a meter was registered."""

    key: str
    fingerprint: str


class MeterKeyRetired(Event, frozen=True, kw_only=True):
    """The public key of a meter holds no longer from an instant on."""

    key: str
    fingerprint: str
