"""All messages of all versions in one table, and the plain check of a payload that someone wrote by hand."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec

from ingufu.core.errors import NotFound
from ingufu.ocpp import wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.shapes import Version
from ingufu.ocpp.v2 import types as v2
from ingufu.ocpp.v16 import types as v16
from ingufu.ocpp.wire import WireError

Direction: TypeAlias = Literal["request", "response"]
Messages: TypeAlias = Mapping[str, tuple[type[Payload], type[Payload] | None]]

# Action to request and response; no response means a SEND, of which only 2.1 has one.
MESSAGES: Final[Mapping[Version, Messages]] = MappingProxyType(
    {
        "1.6": v16.MESSAGES,
        "2.0.1": MappingProxyType({action: v2.MESSAGES[action] for action in sorted(v2.ACTIONS_201)}),
        "2.1": v2.MESSAGES,
    }
)


def payload_type(version: Version, action: str, direction: Direction) -> type[Payload]:
    """The type of this payload.

    Raises NotFound if the version has no such action, or the action no response.
    """
    pair = MESSAGES[version].get(action)
    if pair is None:
        raise NotFound(f"OCPP {version} has no action {action[:50]!a}.")
    request, response = pair
    wanted = request if direction == "request" else response
    if wanted is None:
        raise NotFound(f"{action} of OCPP {version} has no response.")
    return wanted


def check(version: Version, action: str, direction: Direction, raw: bytes | msgspec.Raw) -> WireError | None:
    """The first fault by which `raw` breaks the schema of this payload in this version, or None.

    Raises NotFound as `payload_type` does.
    """
    return wire.check(payload_type(version, action, direction), raw, version)
