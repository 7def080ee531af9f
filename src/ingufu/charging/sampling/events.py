"""What happens to what is asked of readings."""

from ingufu.core.events import Event


class SamplingSettled(Event, frozen=True, kw_only=True):
    """A station took what it was asked to measure, or as much of it as it does."""

    occasion: str
    state: str
    refused: tuple[str, ...] = ()
