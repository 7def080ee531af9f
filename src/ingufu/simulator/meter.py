"""The electricity of one EVSE: power between vehicle, limit and socket, integrated into a lifetime register."""

import random
from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.simulator.spec import CONTROL_VOLTAGE_V, EvseSpec
from ingufu.simulator.vehicle import Vehicle

STEP_S = 10.0  # longest stretch of constant power
RAMP_S = 12.0  # from contactor to full power
MINIMUM_CURRENT_A = 6.0  # per phase, IEC 61851-1; below it a vehicle stops
DC_MINIMUM_W = 1_000.0
NOISE = 0.015  # power flickers by this share, always downwards: a limit is a limit
TENTHS_PER_WH = 10
PACK_VOLTAGE_V = (330.0, 410.0)  # of a DC battery when empty and full


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What the meter shows at an instant."""

    at: datetime
    energy_tenths: int  # lifetime register, tenths of a Wh
    interval_tenths: int = 0  # since the previous reading
    power_w: float = 0.0
    currents_a: tuple[float, ...] = ()  # per phase; one value for DC
    voltages_v: tuple[float, ...] = ()
    soc: float | None = None
    temperature_c: float = 20.0
    offered_w: float = 0.0
    is_dc: bool = False

    @property
    def energy_wh(self) -> Decimal:
        return Decimal(self.energy_tenths) / TENTHS_PER_WH


class Meter:
    """Register and momentary values of one EVSE."""

    __slots__ = ("_last_tenths", "_rest", "_rng", "flow_s", "power_w", "register_tenths", "spec", "temperature_c")

    def __init__(self, spec: EvseSpec, rng: random.Random, *, ambient_c: float) -> None:
        self.spec = spec
        self._rng = rng
        self.register_tenths = spec.register_tenths
        self._rest = 0.0  # below a tenth of a Wh, carried on
        self._last_tenths = spec.register_tenths
        self.power_w = 0.0
        self.flow_s = 0.0  # since the contactor closed
        self.temperature_c = ambient_c + 4.0

    def pass_time(self, seconds: float, vehicle: Vehicle | None, limit_w: float | None, *, ambient_c: float) -> None:
        """Let energy flow for `seconds`; `limit_w` None means the contactor is open."""
        left_s = seconds
        while left_s > 0.0:
            step_s = min(STEP_S, left_s)
            left_s -= step_s
            self._step(step_s, vehicle, limit_w, ambient_c)

    def momentary_power_w(self, vehicle: Vehicle | None, limit_w: float | None) -> float:
        """Return the power that flows at best now, without noise and ramp."""
        if vehicle is None or limit_w is None:
            return 0.0
        wanted_w = vehicle.wanted_power_w(phases=self.spec.phases)
        power_w = min(wanted_w, limit_w, self.spec.max_power_w)
        return power_w if limit_w >= self.minimum_w(vehicle) else 0.0

    def minimum_w(self, vehicle: Vehicle) -> float:
        """Return the power below which the vehicle takes nothing."""
        phases = vehicle.used_phases(self.spec.phases)
        return MINIMUM_CURRENT_A * CONTROL_VOLTAGE_V * phases if phases else DC_MINIMUM_W

    def read(self, at: datetime, vehicle: Vehicle | None, offered_w: float) -> Reading:
        """Return the values now; `interval_tenths` counts from the reading before."""
        interval_tenths = self.register_tenths - self._last_tenths
        self._last_tenths = self.register_tenths
        currents_a, voltages_v = self._electrics(vehicle)
        return Reading(
            at=at,
            energy_tenths=self.register_tenths,
            interval_tenths=interval_tenths,
            power_w=round(self.power_w, 1),
            currents_a=currents_a,
            voltages_v=voltages_v,
            soc=round(vehicle.soc, 1) if vehicle is not None and self.spec.is_dc else None,
            temperature_c=round(self.temperature_c, 1),
            offered_w=round(offered_w, 1),
            is_dc=self.spec.is_dc,
        )

    def _step(self, step_s: float, vehicle: Vehicle | None, limit_w: float | None, ambient_c: float) -> None:
        best_w = self.momentary_power_w(vehicle, limit_w)
        if best_w <= 0.0 or vehicle is None:
            self.power_w = 0.0
            self.flow_s = 0.0
        else:
            self.flow_s += step_s
            ramp = min(1.0, self.flow_s / RAMP_S)
            self.power_w = best_w * ramp * (1.0 - NOISE * self._rng.random())
            self._flow(step_s, vehicle)
        heat_c = ambient_c + 4.0 + 22.0 * self.power_w / self.spec.max_power_w
        self.temperature_c += (heat_c - self.temperature_c) * min(1.0, step_s / 600.0)

    def _flow(self, step_s: float, vehicle: Vehicle) -> None:
        energy_wh = self.power_w * step_s / 3600.0
        missing_wh = vehicle.missing_wh(is_dc=self.spec.is_dc)
        if energy_wh >= missing_wh:  # full within this step
            energy_wh = missing_wh
            vehicle.soc = vehicle.target_soc
        else:
            vehicle.take(energy_wh, is_dc=self.spec.is_dc)
        exact = self._rest + energy_wh * TENTHS_PER_WH
        whole = int(exact)
        self.register_tenths += whole
        self._rest = exact - whole

    def _electrics(self, vehicle: Vehicle | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.spec.is_dc:
            empty_v, full_v = PACK_VOLTAGE_V
            soc = vehicle.soc if vehicle is not None else 0.0
            voltage_v = empty_v + (full_v - empty_v) * soc / 100.0 if self.power_w else 0.0
            current_a = self.power_w / voltage_v if voltage_v else 0.0
            return (round(current_a, 2),), (round(voltage_v, 1),)
        loaded = vehicle.used_phases(self.spec.phases) if vehicle is not None and self.power_w else 0
        voltages_v = []
        currents_a = []
        for phase in range(self.spec.phases):
            sag_v = 2.0 * self.power_w / self.spec.max_power_w if phase < loaded else 0.0
            voltage_v = 231.0 + 2.5 * (self._rng.random() - 0.5) - sag_v
            voltages_v.append(round(voltage_v, 1))
            currents_a.append(round(self.power_w / loaded / voltage_v, 2) if phase < loaded else 0.0)
        return tuple(currents_a), tuple(voltages_v)
