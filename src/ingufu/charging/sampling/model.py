"""What is asked of a station's readings, and what of it the station takes."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ingufu.core.variables import VariableName, variable


class Occasion(StrEnum):
    """When a reading is taken."""

    STARTED = "started"  # with the start of a transaction (2.x)
    UPDATED = "updated"  # while it runs
    ENDED = "ended"  # told with its end
    ALIGNED = "aligned"  # at multiples of an interval since midnight
    ALIGNED_ENDED = "aligned-ended"  # of these, what is told with the end


MEASURANDS: dict[Occasion, VariableName] = {
    Occasion.STARTED: variable("SampledDataCtrlr", "TxStartedMeasurands"),
    Occasion.UPDATED: variable("SampledDataCtrlr", "TxUpdatedMeasurands"),
    Occasion.ENDED: variable("SampledDataCtrlr", "TxEndedMeasurands"),
    Occasion.ALIGNED: variable("AlignedDataCtrlr", "Measurands"),
    Occasion.ALIGNED_ENDED: variable("AlignedDataCtrlr", "TxEndedMeasurands"),
}
INTERVALS: dict[Occasion, VariableName] = {
    Occasion.UPDATED: variable("SampledDataCtrlr", "TxUpdatedInterval"),
    Occasion.ENDED: variable("SampledDataCtrlr", "TxEndedInterval"),
    Occasion.ALIGNED: variable("AlignedDataCtrlr", "Interval"),
    Occasion.ALIGNED_ENDED: variable("AlignedDataCtrlr", "TxEndedInterval"),
}


class SamplingState(StrEnum):
    """How far a wish has come."""

    WAITING = "waiting"  # the station has not been asked yet
    TAKEN = "taken"
    PARTLY = "partly"  # some measurands are refused
    REFUSED = "refused"  # all of them are
    FAILED = "failed"  # it has no such list, or could not be asked to the end


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the readings of one occasion. None leaves the station's own choice."""

    station_id: str
    occasion: Occasion
    measurands: tuple[str, ...] | None = None
    interval_s: int | None = None
    state: SamplingState = SamplingState.WAITING
    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # remembered until the firmware changes
    refused_firmware: str | None = None
    detail: str = ""
    asked_at: datetime
    asked_by: str | None = None
    settled_at: datetime | None = None
