"""OCPP 1.6: what a session costs, in the DataTransfer messages for costs of the Open Charge Alliance (version 3.0)."""

from decimal import Decimal
from typing import Any

import msgspec

from ingufu.core.commands import Outcome
from ingufu.core.costs import TellCost
from ingufu.core.errors import StationUnsupported
from ingufu.ocpp.v16 import types

VENDOR = "org.openchargealliance.costmsg"
_UNKNOWN = frozenset({"UnknownVendorId", "UnknownMessageId"})
_encode = msgspec.json.Encoder(decimal_format="number").encode


def tell(command: TellCost) -> types.DataTransferRequest:
    """Return what the station is told: RunningCost, or FinalCost."""
    if not (command.reference.isascii() and command.reference.isdigit()):
        raise StationUnsupported("The station does not know this transaction by a number.")
    data: dict[str, Any] = {"transactionId": int(command.reference), "cost": command.cost}
    if command.is_final:
        data |= {"priceText": command.text[:512]}
    else:
        data |= {
            "timestamp": command.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "meterValue": int(command.register_wh or Decimal(0)),
            "state": "Idle" if command.is_idle else "Charging",
        }
    name = "FinalCost" if command.is_final else "RunningCost"
    return types.DataTransferRequest(vendor_id=VENDOR, message_id=name, data=_encode(data).decode())


def told(response: types.DataTransferResponse) -> Outcome:
    """Return what the station made of it. Raises StationUnsupported if it does not know these messages."""
    if response.status in _UNKNOWN:
        raise StationUnsupported(f"The station answered {response.status}.")
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")
