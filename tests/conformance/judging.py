"""Holds every frame that is heard of the CSMS against the original schema of its version, by another's validator."""

import json
from decimal import Decimal
from typing import Any

import ocpp_schemas

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6
LONGEST_ID = 36
ERROR_CODES = {
    "1.6": {
        "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation",
        "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError",
    },
    "2.0.1": {
        "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormatViolation",
        "PropertyConstraintViolation", "OccurrenceConstraintViolation", "TypeConstraintViolation", "GenericError",
        "MessageTypeNotSupported", "RpcFrameworkError",
    },
}  # fmt: skip
ERROR_CODES["2.1"] = ERROR_CODES["2.0.1"]


def parse(text: str | bytes) -> Any:
    """Return a frame with its numbers exact."""
    return json.loads(text, parse_float=Decimal)


class Judge:
    """What was wrong with the frames of one scenario, whoever sent them."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.heard = 0  # frames of the CSMS that were judged
        self._ids: set[str] = set()  # of its CALLs, which are never used twice

    def hear(self, version: str, frame: Any, action: str) -> None:
        """Judge a frame of the CSMS; `action` is what it asks or what it answers."""
        self.heard += 1
        match frame:
            case [2, str(message_id), *_] if message_id in self._ids:
                self.faults.append(f"The CSMS used a message id twice: {frame}")
            case [2, str(message_id), str(), dict(payload)] if 0 < len(message_id) <= LONGEST_ID:
                self._ids.add(message_id)
                self._hold(version, action, "request", payload, "The CSMS asked")
            case [6, str(), str(), dict(payload)] if version == "2.1":
                self._hold(version, action, "request", payload, "The CSMS sent")
            case [3, str(), dict(payload)]:
                self._hold(version, action, "response", payload, "The CSMS answered")
            case [4, str(), str(code), str(said), dict()] if code in ERROR_CODES[version] and len(said) <= 255:
                pass
            case _:
                self.faults.append(f"The CSMS sent what is no frame of OCPP {version}: {frame}")

    def say(self, version: str, action: str, direction: str, payload: Any) -> None:
        """Judge what a station of a scenario says, so that no case rests on a mistake of its own."""
        self._hold(version, action, direction, parse(json.dumps(payload)), "The station said")

    def _hold(self, version: str, action: str, direction: str, payload: Any, who: str) -> None:
        try:
            schema = ocpp_schemas.message(version, action, direction)
        except StopIteration:
            self.faults.append(f"{who} {action}, which OCPP {version} does not know.")
            return
        fault = ocpp_schemas.oracle(schema, payload)
        if fault is not None:
            self.faults.append(f"{who} {action} ({direction}, {version}): {fault.message}: {payload}")
