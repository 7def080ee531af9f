"""The current of a reading as tariffs see it: summed over phases (OCPI 2.3.0 min_current, max_current). Pure."""

from decimal import Decimal

import msgspec

from ingufu.charging.model import OUTLET, Sample

_IMPORT = "Current.Import"
_PHASES = ("L1", "L2", "L3")
_decode = msgspec.json.Decoder(tuple[Sample, ...]).decode


def total_current(samples: str, figure: float | None) -> Decimal | None:
    """Return the current of all phases together, from samples as they are kept; else what people look at."""
    try:
        read = _decode(samples)
    except msgspec.MsgspecError:
        read = ()
    found = [one for one in read if one.measurand == _IMPORT and one.unit == "A" and one.value is not None]
    found = [one for one in found if one.location == OUTLET] or found
    totals = [one.value for one in found if one.phase is None and one.value is not None]
    if totals:
        return totals[0]
    by_phase = {str(one.phase)[:2]: one.value for one in found if one.value is not None}
    phases = [value for phase, value in by_phase.items() if phase in _PHASES]
    if phases:
        return sum(phases, Decimal(0))
    return None if figure is None else Decimal(str(figure))
