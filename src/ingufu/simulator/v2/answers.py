"""All that a simulated 2.x station can answer, by action; the rest is NotSupported or NotImplemented."""

from ingufu.simulator.dialect import Answer
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.charging import CHARGING
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory
from ingufu.simulator.v2.monitoring import MONITORING
from ingufu.simulator.v2.profiles import PROFILES
from ingufu.simulator.v2.provisioning import PROVISIONING
from ingufu.simulator.v2.security import SECURITY
from ingufu.simulator.v2.streams import STREAMS
from ingufu.simulator.v2.tariffs import TARIFFS
from ingufu.simulator.vendors import Version

ANSWERS_201 = {**CHARGING, **PROFILES, **PROVISIONING, **MONITORING, **SECURITY}
ANSWERS_21 = {**ANSWERS_201, **TARIFFS, **STREAMS}

# Known to the version, not to these stations: local controllers, bidirectional charging, battery swap.
NOT_SUPPORTED_201 = frozenset(("PublishFirmware", "UnpublishFirmware"))
NOT_SUPPORTED_21 = NOT_SUPPORTED_201 | frozenset(
    (
        "AFRRSignal",
        "AdjustPeriodicEventStream",
        "ClearDERControl",
        "GetDERControl",
        "GetPeriodicEventStream",
        "NotifyAllowedEnergyTransfer",
        "RequestBatterySwap",
        "SetDERControl",
        "UpdateDynamicSchedule",
    )
)


def answer(memory: Memory, events: TransactionEvents, action: str, payload: Payload) -> Answer:
    """Answer a CALL of the CSMS in the station's version."""
    is_21 = memory.station.spec.version is Version.V21
    answerer = (ANSWERS_21 if is_21 else ANSWERS_201).get(action)
    if answerer is None:
        if action in (NOT_SUPPORTED_21 if is_21 else NOT_SUPPORTED_201):
            return Answer(error="NotSupported", description=f"this station has no use for {action}")
        return Answer(
            error="NotImplemented", description=f"{action} is not an action of OCPP {memory.station.spec.version}"
        )
    try:
        return answerer(memory, events, payload)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        return Answer(error="FormatViolation", description=f"{type(fault).__name__}: {fault}")
