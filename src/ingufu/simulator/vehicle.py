"""Vehicles as batteries that want power: state of charge, taper, cold, phases. No time, no messages."""

import random

import msgspec

AC_EFFICIENCY = 0.9  # socket to battery, by the on-board charger
DC_EFFICIENCY = 0.95
FULL_PERCENT = 100.0
COLD_BELOW_C = 10.0
COLDEST_FACTOR = 0.45  # what a battery at -20 degrees still takes
COLDEST_C = -20.0


class VehicleModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a model of vehicle can take."""

    name: str
    battery_wh: float
    ac_power_w: float
    ac_phases: int
    dc_power_w: float  # 0: cannot charge with DC
    taper_from: float = 65.0  # percent of charge from which DC power falls
    taper_to: float = 0.12  # share of DC power left at 100 %
    share: float = 1.0  # how common


MODELS: tuple[VehicleModel, ...] = (
    VehicleModel(name="city", battery_wh=26_800, ac_power_w=7_200, ac_phases=1, dc_power_w=34_000, share=2),
    VehicleModel(name="hatchback", battery_wh=52_000, ac_power_w=11_000, ac_phases=3, dc_power_w=100_000, share=3),
    VehicleModel(name="compact", battery_wh=58_000, ac_power_w=11_000, ac_phases=3, dc_power_w=125_000, share=3),
    VehicleModel(
        name="saloon", battery_wh=75_000, ac_power_w=11_000, ac_phases=3, dc_power_w=210_000, taper_from=55, share=3
    ),
    VehicleModel(
        name="van", battery_wh=68_000, ac_power_w=11_000, ac_phases=3, dc_power_w=80_000, taper_from=75, share=1
    ),
    VehicleModel(
        name="grand", battery_wh=94_000, ac_power_w=22_000, ac_phases=3, dc_power_w=270_000, taper_from=60, share=1
    ),
    VehicleModel(
        name="plug-in hybrid", battery_wh=12_000, ac_power_w=3_600, ac_phases=1, dc_power_w=0, taper_from=90, share=2
    ),
    VehicleModel(
        name="motorcycle taxi", battery_wh=3_200, ac_power_w=1_800, ac_phases=1, dc_power_w=0, taper_from=85, share=1
    ),
)


class Vehicle:
    """One vehicle at a connector."""

    __slots__ = ("capacity_wh", "cold_factor", "model", "refuses", "soc", "target_soc")

    def __init__(
        self,
        model: VehicleModel,
        *,
        soc: float,
        target_soc: float = FULL_PERCENT,
        ambient_c: float = 20.0,
        shrink: float = 1.0,
        refuses: bool = False,
    ) -> None:
        """`shrink` divides the battery, so that a demo sees whole curves in minutes, with true power."""
        self.model = model
        self.capacity_wh = model.battery_wh / shrink
        self.soc = soc
        self.target_soc = min(FULL_PERCENT, target_soc)
        self.cold_factor = cold_factor(ambient_c)
        self.refuses = refuses

    @property
    def is_satisfied(self) -> bool:
        return self.refuses or self.soc >= self.target_soc - 1e-9

    def wanted_power_w(self, *, phases: int) -> float:
        """Return what it would draw at the socket from `phases` of AC, or from DC if 0."""
        if self.is_satisfied:
            return 0.0
        if phases:
            per_phase_w = self.model.ac_power_w / self.model.ac_phases
            return per_phase_w * min(phases, self.model.ac_phases) * self._ac_taper()
        return self.model.dc_power_w * self.cold_factor * self._dc_taper()

    def used_phases(self, phases: int) -> int:
        return min(phases, self.model.ac_phases) if phases else 0

    def missing_wh(self, *, is_dc: bool) -> float:
        """Return the energy at the socket until it is satisfied."""
        missing_wh = max(0.0, self.target_soc - self.soc) / FULL_PERCENT * self.capacity_wh
        return missing_wh / (DC_EFFICIENCY if is_dc else AC_EFFICIENCY)

    def take(self, energy_wh: float, *, is_dc: bool) -> None:
        """Store energy measured at the socket."""
        stored_wh = energy_wh * (DC_EFFICIENCY if is_dc else AC_EFFICIENCY)
        self.soc = min(self.target_soc, self.soc + stored_wh / self.capacity_wh * FULL_PERCENT)

    def _dc_taper(self) -> float:
        model = self.model
        if self.soc <= model.taper_from:
            return 1.0
        way = (self.soc - model.taper_from) / (FULL_PERCENT - model.taper_from)
        return 1.0 - way * (1.0 - model.taper_to)

    def _ac_taper(self) -> float:
        return 1.0 if self.soc < 96.0 else 1.0 - (self.soc - 96.0) / 4.0 * 0.7


def cold_factor(ambient_c: float) -> float:
    """Return the share of DC power that a battery takes at this temperature."""
    if ambient_c >= COLD_BELOW_C:
        return 1.0
    way = min(1.0, (COLD_BELOW_C - ambient_c) / (COLD_BELOW_C - COLDEST_C))
    return 1.0 - way * (1.0 - COLDEST_FACTOR)


def arrive(
    rng: random.Random, *, is_dc: bool, ambient_c: float = 20.0, shrink: float = 1.0, refusal: float = 0.0
) -> Vehicle:
    """Draw a vehicle as it comes to an EVSE: a believable model, charge and wish."""
    fit = [model for model in MODELS if not is_dc or model.dc_power_w]
    model = rng.choices(fit, [model.share for model in fit])[0]
    soc = min(88.0, max(4.0, rng.gauss(30.0 if is_dc else 45.0, 16.0)))
    wish = rng.choice((80.0, 80.0, 85.0, 90.0)) if is_dc else rng.choice((80.0, 90.0, 100.0, 100.0))
    target_soc = max(wish, min(FULL_PERCENT, soc + 8.0))
    refuses = refusal > 0.0 and rng.random() < refusal
    return Vehicle(model, soc=soc, target_soc=target_soc, ambient_c=ambient_c, shrink=shrink, refuses=refuses)
