"""The rows of the tables in which the OCPP versions meet: one per message and direction."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ingufu.core.commands import Command, Outcome
from ingufu.infra.storage.database import Work
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.quirks import Coping
from ingufu.ocpp.wire import Repair
from ingufu.services import Services
from ingufu.stations.model import Station

T = TypeVar("T")


class Phase(StrEnum):
    """How far a station's registration is (2.x B01 to B03; 1.6 4.2)."""

    NEW = "new"  # it never booted here
    PENDING = "pending"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


@dataclass(slots=True, kw_only=True)
class CallContext:
    """What a handler knows of the message beside its content, and where it leaves what follows from it."""

    station: Station
    version: str
    work: Work
    services: Services
    received_at: datetime
    certificate_name: str | None = None  # common name of the client certificate of this connection
    repairs: tuple[Repair, ...] = ()
    gaps: tuple[str, ...] = ()  # what was missing or unusable, and has a stand-in
    coping: Coping | None = None  # what is done about the station's quirks; nothing for most
    was_asked_to_boot: bool = False  # on this connection, since it booted last
    phase: Phase | None = None  # set by a boot: the phase from now on, once the reply is durable
    told: Mapping[str, Any] | None = None  # and what is known of the station from then on
    has_restarted: bool = False  # and whether it is one after a restart

    @property
    def station_id(self) -> str:
        return self.station.id

    @property
    def clock_skew_s(self) -> float | None:
        """How far the station's clock is ahead of ours; it may have told before it connected anew. None: not known."""
        skew_s = self.services.stations.skew_s(self.station.id)
        return self.station.clock_skew_s if skew_s is None else skew_s

    def met(self, quirk: int) -> None:
        """Count that the station showed a quirk."""
        self.services.stations.quirks.met(self.station.id, quirk)


# A request and a response of one row are of one action; the table cannot say so in its type.
Handler = Callable[[CallContext, Any], Awaitable[Payload | None]]


class QuickStep(Protocol):
    """A message taken the short way, ready to be written; it is answered with nothing."""

    def submit(self, done: Callable[[Exception | None], None]) -> bool:
        """Have it written, and `done` called with None or why it could not be; False if storage is closed."""
        ...


# The short way of what is plain: services, station, what it says, when it came. None: the long way.
Quick = Callable[[Services, str, Any, datetime], QuickStep | None]


StandIn = Callable[[datetime], Any]  # of the time of receipt: a JSON value


class Loss(StrEnum):
    """What is lost if the station gives the message up: decides what it hears when we cannot write."""

    NOTHING = "nothing"  # it can be asked again, or says it again: an error is an honest answer
    MONEY = "money"  # part of a transaction: silence makes the station keep it and come again


class Inbound(msgspec.Struct, frozen=True):
    """A message that stations send: its type and what we do about it."""

    request: type[Payload]
    handler: Handler
    loss: Loss = Loss.NOTHING
    quick: Quick | None = None
    may_precede_boot: bool = False
    unreadable: Payload | None = None  # what a payload beyond repair is answered with, instead of an error
    stand_ins: Mapping[str, StandIn] = MappingProxyType({})  # by property: what to go on with where it is unusable


class Outbound(msgspec.Struct, frozen=True):
    """A command of ours in one version's words."""

    action: str
    render: Callable[[Any], Payload]
    response: type[Payload]
    outcome: Callable[[Any], Outcome]


InboundTable = Mapping[str, Inbound]
OutboundTable = Mapping[type[Command[Any]], Outbound]


def given(value: T | UnsetType) -> T | None:
    """Return an optional field of a message, None where it is absent."""
    return None if value is UNSET else value
