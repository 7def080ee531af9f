"""The OCPP versions spoken here, side by side: framing, messages, and the tables of what we do about them."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ingufu.ocpp import rpc_frames, wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.rpc_frames import Dialect
from ingufu.ocpp.table import InboundTable, OutboundTable
from ingufu.ocpp.v2 import table as v2
from ingufu.ocpp.v2 import types as v2_types
from ingufu.ocpp.v16 import table as v16
from ingufu.ocpp.v16 import types as v16_types

Messages = Mapping[str, tuple[type[Payload], type[Payload] | None]]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """All that one version needs."""

    name: wire.Version
    dialect: Dialect
    inbound: InboundTable
    outbound: OutboundTable
    messages: Messages
    actions: frozenset[str]

    @property
    def subprotocol(self) -> str:
        return self.dialect.subprotocol

    @property
    def requests(self) -> tuple[str, ...]:
        """Return the actions that may be asked of a station, in alphabetical order."""
        return tuple(sorted(self.actions - (frozenset(self.inbound) - _BOTH_WAYS)))


_BOTH_WAYS = frozenset({"DataTransfer"})

VERSIONS: Mapping[str, Version] = MappingProxyType(
    {
        version.name: version
        for version in (
            Version(
                name="1.6",
                dialect=rpc_frames.V16,
                inbound=v16.INBOUND,
                outbound=v16.OUTBOUND,
                messages=v16_types.MESSAGES,
                actions=v16_types.ACTIONS,
            ),
            Version(
                name="2.0.1",
                dialect=rpc_frames.V201,
                inbound=v2.INBOUND_201,
                outbound=v2.OUTBOUND,
                messages=v2_types.MESSAGES,
                actions=v2_types.ACTIONS_201,
            ),
            Version(
                name="2.1",
                dialect=rpc_frames.V21,
                inbound=v2.INBOUND_21,
                outbound=v2.OUTBOUND_21,
                messages=v2_types.MESSAGES,
                actions=v2_types.ACTIONS_21,
            ),
        )
    }
)

_BY_SUBPROTOCOL: Mapping[str, Version] = MappingProxyType(
    {version.subprotocol: version for version in VERSIONS.values()}
)


def negotiate(offered: tuple[str, ...]) -> Version | None:
    """Return the first of the station's offers that is spoken here: its order is its preference (part 4, 3.1.2)."""
    return next((_BY_SUBPROTOCOL[name] for name in offered if name in _BY_SUBPROTOCOL), None)
