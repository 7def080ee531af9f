"""What is asked of stations about transactions that run, messages of the 1.6 extension, and event streams of 2.1."""

import msgspec

from ingufu.core.commands import Command, Outcome, Trigger


class TransactionStatus(Outcome, frozen=True, kw_only=True):
    """What a station says of a transaction, or of its queue. `is_ongoing` None: it did not say."""

    is_ongoing: bool | None = None
    has_messages: bool = False


class AskTransactionStatus(Command[TransactionStatus], frozen=True, kw_only=True):
    """Ask whether a transaction runs and messages about it still wait; without one, whether any do (2.x E14)."""

    reference: str | None = None


class UsePriorityCharging(Command[Outcome], frozen=True, kw_only=True):
    """Have a transaction charge with priority, or no longer (2.1 K21)."""

    reference: str
    is_active: bool


class ExtendedTriggerMessage(Command[Outcome], frozen=True, kw_only=True):
    """Ask for a message in the words of the 1.6 security extension, which knows others."""

    trigger: Trigger
    evse: int | None = None


class EventStream(msgspec.Struct, frozen=True, kw_only=True):
    """A periodic event stream: the values of what a monitor watches, sent so often or so many at once."""

    number: int
    monitor: int
    interval_s: int | None = None
    values: int | None = None


class EventStreams(Outcome, frozen=True, kw_only=True):
    """The streams that are open at a station."""

    streams: tuple[EventStream, ...] = ()


class ListEventStreams(Command[EventStreams], frozen=True, kw_only=True):
    """Ask which periodic event streams are open (2.1 N13)."""


class AdjustEventStream(Command[Outcome], frozen=True, kw_only=True):
    """Have a periodic event stream send at another interval, or so many values at once (2.1 N14)."""

    stream: int
    interval_s: int | None = None
    values: int | None = None
