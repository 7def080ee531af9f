"""Puts a station together with the dialect of its version."""

from ingufu.simulator.spec import StationSpec
from ingufu.simulator.station import Station
from ingufu.simulator.surroundings import Surroundings
from ingufu.simulator.v2 import dialect as v2
from ingufu.simulator.v16 import dialect as v16
from ingufu.simulator.vendors import Version


def build(spec: StationSpec, around: Surroundings) -> Station:
    """Return a station, switched off."""
    if spec.version is Version.V16:
        return Station(spec, around, v16.SPELLING, v16.V16)
    return Station(spec, around, v2.SPELLING, v2.V2)
