"""Which stations and drivers there are: the same for the same seed, for live network, history and loader."""

import random
from enum import StrEnum

import msgspec

from ingufu.simulator import wording
from ingufu.simulator.demand import Place
from ingufu.simulator.places import FIRST_NAMES, FLEETS, LAST_NAMES, SITES, Site
from ingufu.simulator.spec import EvseSpec, Odds, StationSpec, ac, dc
from ingufu.simulator.vendors import MANNERS, Manner, Version

DRIVERS_PER_STATION = 7
MIN_DRIVERS = 40


class Standing(StrEnum):
    """How a driver's card stands with the operator."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # belongs to nobody that the operator knows: do not load it


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """A driver with a card."""

    name: str
    email: str
    city: str
    token: str
    standing: Standing = Standing.ACTIVE
    group: str | None = None  # the fleet, if there is one


class PlannedStation(msgspec.Struct, frozen=True, kw_only=True):
    """A station and where it stands."""

    spec: StationSpec
    site: Site
    popularity: float  # factor on the site's demand
    is_unreliable: bool
    age_share: float  # it has existed for this share of the record


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A whole network."""

    seed: str
    sites: tuple[Site, ...]
    stations: tuple[PlannedStation, ...]
    drivers: tuple[Driver, ...]

    def drivers_near(self, city: str) -> tuple[Driver, ...]:
        return tuple(driver for driver in self.drivers if driver.city == city)


_BY_VENDOR: dict[str, Manner] = {manner.vendor: manner for manner in MANNERS}
_MIX: tuple[tuple[str, Version], ...] = (  # every vendor and version within the first nine, the oddest once in twelve
    ("Akagera Works", Version.V16),
    ("Fjellvik", Version.V201),
    ("Kaskade", Version.V21),
    ("Quillon", Version.V16),
    ("Pampero", Version.V201),
    ("Harmattan", Version.V16),
    ("Fjellvik", Version.V21),
    ("Akagera Works", Version.V201),
    ("Bluegum", Version.V16),
    ("Akagera Works", Version.V16),
    ("Kaskade", Version.V21),
    ("Fjellvik", Version.V201),
)


def plan(seed: str, stations: int, *, has_passwords: bool = True, versions: frozenset[Version] | None = None) -> Plan:
    """Return the network of that seed; a larger one begins with the same stations."""
    mix = [pair for pair in _MIX if versions is None or pair[1] in versions]
    sites = SITES[: max(1, min(len(SITES), stations))]
    planned = tuple(
        _station(seed, index, sites[index % len(sites)], mix[index % len(mix)], has_passwords=has_passwords)
        for index in range(stations)
    )
    cities = sorted({site.city for site in sites})
    drivers = _drivers(seed, cities, max(MIN_DRIVERS, stations * DRIVERS_PER_STATION))
    return Plan(seed=seed, sites=sites, stations=planned, drivers=drivers)


def password(seed: str, identity: str, version: Version) -> str:
    """Return the station's password as an operator would type it: 40 hex digits for 1.6, else 24 characters."""
    text = (wording.digest(seed, f"password {identity}") + wording.digest(seed, f"salt {identity}")).hex()
    return text[:40] if version is Version.V16 else text[:24]


def _station(seed: str, index: int, site: Site, kind: tuple[str, Version], *, has_passwords: bool) -> PlannedStation:
    rng = random.Random(f"{seed}:station:{index}")
    identity = f"{site.code}-{index // len(SITES) + 1:02d}"
    vendor, version = kind
    is_unreliable = index % 8 == 5
    trouble = 6.0 if is_unreliable else 1.0
    spec = StationSpec(
        identity=identity,
        version=version,
        manner=_BY_VENDOR[vendor],
        evses=_evses(rng, site.place),
        password=password(seed, identity, version) if has_passwords else None,
        site=site.name,
        seed=seed,
        ambient_c=24.0 if abs(site.latitude) < 10 else 17.0,
        odds=Odds(
            refusal=0.015 * trouble,
            fault_per_day=0.03 * trouble,
            drop_per_day=1.0 * trouble,
            outage_per_day=0.08 * trouble,
            power_loss_per_day=0.01 * trouble,
            slow_answer=0.01 * trouble,
        ),
    )
    return PlannedStation(
        spec=spec,
        site=site,
        popularity=0.7 + 0.6 * rng.random(),
        is_unreliable=is_unreliable,
        age_share=1.0 if index % 5 else 0.55,  # one in five was put up later
    )


def _evses(rng: random.Random, place: Place) -> tuple[EvseSpec, ...]:
    shares = [rng.random() for _ in range(4)]

    def kept(evse: EvseSpec) -> EvseSpec:  # some years of use: 200 to 500 MWh for DC, 60 to 150 for AC
        least = 2e9 if evse.is_dc else 6e8
        return msgspec.structs.replace(evse, register_tenths=int(least * (1.0 + 1.5 * shares[evse.evse])))

    if place is Place.HIGHWAY:
        power_w = rng.choice((150_000.0, 150_000.0, 300_000.0))
        return kept(dc(1, power_w=power_w)), kept(dc(2, power_w=power_w))
    if place is Place.MALL:
        fast = dc(1, power_w=50_000.0)
        return kept(fast), kept(ac(2))
    if place is Place.WORKPLACE:
        return kept(ac(1, power_w=11_000.0)), kept(ac(2, power_w=11_000.0))
    if place is Place.DEPOT:
        return tuple(kept(ac(number, power_w=7_400.0, phases=1)) for number in (1, 2, 3))
    return kept(ac(1)), kept(ac(2, power_w=rng.choice((22_000.0, 11_000.0))))


def _drivers(seed: str, cities: list[str], count: int) -> tuple[Driver, ...]:
    return tuple(_driver(seed, index, cities[index % len(cities)]) for index in range(count))


def _driver(seed: str, index: int, city: str) -> Driver:
    rng = random.Random(f"{seed}:driver:{index}")
    first, last = rng.choice(FIRST_NAMES[city]), rng.choice(LAST_NAMES[city])
    is_long = rng.random() < 0.4
    digits = wording.digest(seed, "card", index).hex().upper()
    standings = (Standing.ACTIVE, Standing.BLOCKED, Standing.EXPIRED, Standing.UNKNOWN)
    return Driver(
        name=f"{first} {last}",
        email=f"{first}.{last}{index}@example.org".lower(),
        city=city,
        token=("04" + digits[:12]) if is_long else digits[:8],
        standing=rng.choices(standings, (94, 2, 2, 2))[0],
        group=FLEETS[city] if rng.random() < 0.18 else None,
    )
