"""What a simulated station is: identity, version, manners, place, EVSEs with their limits, odds of trouble."""

import msgspec

from ingufu.simulator.vendors import PLAIN, SUBPROTOCOLS, Manner, PasswordStyle, Version

NOMINAL_VOLTAGE_V = 230.0
CONTROL_VOLTAGE_V = 227.5  # lowest a simulated AC socket shows: a limit in A times this never shows more A


class EvseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an EVSE can do."""

    evse: int = 1
    max_power_w: float = 22_000.0
    phases: int = 3  # 0 for DC
    connector_type: str = "cType2"
    register_tenths: int = 0  # lifetime register at the beginning, in tenths of a Wh

    @property
    def is_dc(self) -> bool:
        return self.phases == 0

    @property
    def max_current_a(self) -> float:
        """Per phase for AC, total for DC at 400 V."""
        return self.max_power_w / (400.0 if self.is_dc else NOMINAL_VOLTAGE_V * self.phases)


def ac(evse: int = 1, *, power_w: float = 22_000.0, phases: int = 3) -> EvseSpec:
    """Return an AC EVSE: 7.4 kW and less on one phase, 11 and 22 kW on three."""
    return EvseSpec(evse=evse, max_power_w=power_w, phases=phases)


def dc(evse: int = 1, *, power_w: float = 50_000.0) -> EvseSpec:
    """Return a DC EVSE."""
    return EvseSpec(evse=evse, max_power_w=power_w, phases=0, connector_type="cCCS2")


class Odds(msgspec.Struct, frozen=True, kw_only=True):
    """How often things go wrong by themselves; zero everywhere for scripts."""

    refusal: float = 0.0  # share of sessions in which the vehicle takes nothing
    fault_per_day: float = 0.0  # per EVSE
    drop_per_day: float = 0.0  # connection lost for seconds or minutes
    outage_per_day: float = 0.0  # offline for a long time, charging goes on
    power_loss_per_day: float = 0.0
    loses_reply: float = 0.0  # share of transactions, besides the vendor's own habit
    slow_answer: float = 0.0  # share of answers that take seconds


class StationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything fixed about one simulated station."""

    identity: str
    version: Version = Version.V16
    manner: Manner = PLAIN
    evses: tuple[EvseSpec, ...] = (EvseSpec(),)
    password: str | None = None  # as the CSMS knows it: hex digits for 1.6, text for 2.x
    site: str = ""
    seed: str = "0"
    odds: Odds = Odds()
    ambient_c: float = 20.0

    @property
    def serial(self) -> str:
        return f"{self.manner.serial_prefix}{self.identity}"[:25]

    @property
    def model(self) -> str:
        return self.manner.dc_model if any(evse.is_dc for evse in self.evses) else self.manner.ac_model

    def subprotocols(self) -> tuple[str, ...]:
        """Return what the station offers at the handshake."""
        return (SUBPROTOCOLS[self.version],) if self.manner.offers_subprotocol else ()

    def basic_password(self) -> bytes | None:
        """Return the bytes behind the colon of HTTP Basic."""
        if self.password is None:
            return None
        if self.version is Version.V16 and self.manner.password is PasswordStyle.HEX_DECODED:
            return bytes.fromhex(self.password)
        return self.password.encode()


def spec(identity: str, version: str = "1.6", **changes: object) -> StationSpec:
    """Return a plain station with one 22 kW AC EVSE, changed as told: the usual beginning of a script."""
    plain = StationSpec(identity=identity, version=Version(version), seed=identity)
    return msgspec.structs.replace(plain, **changes) if changes else plain
