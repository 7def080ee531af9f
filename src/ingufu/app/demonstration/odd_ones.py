"""Stations that cannot connect, so that there is something to find out: strangers, and wrong passwords."""

import msgspec

from ingufu.simulator.plan import Plan, PlannedStation, password, plan

STRANGER = "NEW-{:02d}"


def with_odd_ones(network: Plan, *, strangers: int, wrong_passwords: int) -> Plan:
    """Return the network with strangers at its sites, and with the last stations' passwords changed behind our back."""
    stations = list(network.stations)
    for index in range(max(0, len(stations) - wrong_passwords), len(stations)):
        stations[index] = _with_wrong_password(network.seed, stations[index])
    return msgspec.structs.replace(network, stations=(*stations, *_strangers(network, strangers)))


def _with_wrong_password(seed: str, station: PlannedStation) -> PlannedStation:
    spec = station.spec
    wrong = password(f"{seed} of the last technician", spec.identity, spec.version)
    return msgspec.structs.replace(station, spec=msgspec.structs.replace(spec, password=wrong))


def _strangers(network: Plan, number: int) -> tuple[PlannedStation, ...]:
    if not number:
        return ()
    others = plan(f"{network.seed} strangers", number).stations
    return tuple(
        msgspec.structs.replace(
            station, spec=msgspec.structs.replace(station.spec, identity=STRANGER.format(index)), site=network.sites[0]
        )
        for index, station in enumerate(others, 1)
    )
