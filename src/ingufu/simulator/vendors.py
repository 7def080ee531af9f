"""The manners of simulated vendors, as data. The vendors are invented; each manner has been seen in the field."""

from enum import StrEnum

import msgspec


class Version(StrEnum):
    """Version of OCPP."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


SUBPROTOCOLS = {Version.V16: "ocpp1.6", Version.V201: "ocpp2.0.1", Version.V21: "ocpp2.1"}


class IdStyle(StrEnum):
    """How a vendor writes message ids."""

    UUID = "uuid"
    COUNTER = "counter"
    HEX = "hex"
    PREFIXED = "prefixed"


class TimeStyle(StrEnum):
    """How a vendor writes instants."""

    MILLISECONDS = "2025-06-01T10:00:00.000Z"
    SECONDS = "2025-06-01T10:00:00Z"
    OFFSET = "2025-06-01T12:00:00+02:00"
    NO_ZONE = "2025-06-01T10:00:00"


class PasswordStyle(StrEnum):
    """What a station makes of its configured password for HTTP Basic."""

    TEXT = "text"
    HEX_DECODED = "hex-decoded"  # 1.6: AuthorizationKey is hex, the header carries the bytes
    HEX_TEXT = "hex-text"  # ... but some send the digits themselves


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's stations do where OCPP leaves a choice, and where they get it wrong."""

    vendor: str
    ac_model: str
    dc_model: str
    firmware: str
    versions: tuple[Version, ...]
    serial_prefix: str
    measurands: tuple[str, ...] = ("Energy.Active.Import.Register", "Power.Active.Import")
    aligned_measurands: tuple[str, ...] = ("Energy.Active.Import.Register",)
    ended_measurands: tuple[str, ...] = ("Energy.Active.Import.Register",)
    sample_interval_s: int = 60
    aligned_interval_s: int = 0
    heartbeat_when_busy: bool = True
    heartbeat_default_s: int = 300
    energy_in_kwh: bool = False
    power_in_kw: bool = False
    per_phase: bool = False
    phase_names: tuple[str, str, str] = ("L1", "L2", "L3")
    message_ids: IdStyle = IdStyle.UUID
    times: TimeStyle = TimeStyle.MILLISECONDS
    password: PasswordStyle = PasswordStyle.TEXT
    offers_subprotocol: bool = True
    boots_on_reconnect: bool = False
    clock_starts_in_1970: bool = False  # until the first answer to a boot
    has_meter_details: bool = False
    has_modem: bool = False
    says_preparing: bool = True
    says_finishing: bool = True
    reports_station_status: bool = False  # status of connector or EVSE 0 too
    status_by_event: bool = False  # 2.1: NotifyEvent instead of StatusNotification
    transaction_data: bool = False  # 1.6: samples in StopTransaction
    starts_twice: float = 0.0  # share of 1.6 starts sent again under a new message id
    loses_replies: float = 0.0  # share of starts whose reply is lost, then repeated
    forgets_number: float = 0.0  # share of 1.6 starts given up for ever: goes on with transaction id -1
    keeps_id_on_retry: bool = True
    start_points: tuple[str, ...] = ("PowerPathClosed",)
    stop_points: tuple[str, ...] = ("EVConnected", "Authorized")
    repeats_evse: bool = False  # 2.x: evse in every TransactionEvent, not only in the first
    counts_per_evse: bool = False  # 2.x: seqNo goes on over transactions
    back_off_s: tuple[float, float, int] = (10.0, 10.0, 3)  # first wait, random range, doublings
    ping_interval_s: int = 0
    reboot_s: float = 20.0
    answer_delay_s: float = 0.0
    has_local_list: bool = True
    has_smart_charging: bool = True
    has_reservations: bool = True
    has_firmware: bool = True
    message_attempts: int = 3
    retry_interval_s: float = 60.0


_RICH = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Voltage",
    "SoC",
    "Temperature",
)

MANNERS: tuple[Manner, ...] = (
    Manner(  # plain and correct, the reference of 1.6
        vendor="Akagera Works",
        ac_model="Isano 22",
        dc_model="Isano DC60",
        firmware="3.2.1",
        versions=(Version.V16, Version.V201),
        serial_prefix="AKW",
        measurands=("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage", "SoC"),
        has_meter_details=True,
        transaction_data=True,
        start_points=("EVConnected",),
        stop_points=("EVConnected",),
    ),
    Manner(  # cheap wall units: kWh, per phase, hex password sent as digits, Heartbeat whatever happens
        vendor="Quillon",
        ac_model="QX-11",
        dc_model="QX-50",
        firmware="V1.08_0231",
        versions=(Version.V16,),
        serial_prefix="QX",
        measurands=("Energy.Active.Import.Register", "Current.Import", "Voltage"),
        sample_interval_s=30,
        energy_in_kwh=True,
        per_phase=True,
        message_ids=IdStyle.COUNTER,
        times=TimeStyle.SECONDS,
        password=PasswordStyle.HEX_TEXT,
        says_finishing=False,
        reports_station_status=True,
        boots_on_reconnect=True,
        starts_twice=0.03,
        keeps_id_on_retry=False,
        has_local_list=False,
        has_reservations=False,
    ),
    Manner(  # older DC cabinets: local offset in times, modem, clock-aligned values, slow
        vendor="Harmattan",
        ac_model="HM Duo",
        dc_model="HM Rapide 150",
        firmware="2019.4-r7",
        versions=(Version.V16,),
        serial_prefix="HMT-",
        measurands=_RICH,
        sample_interval_s=60,
        aligned_interval_s=900,
        power_in_kw=True,
        message_ids=IdStyle.HEX,
        times=TimeStyle.OFFSET,
        password=PasswordStyle.HEX_DECODED,
        has_modem=True,
        has_meter_details=True,
        reports_station_status=True,
        loses_replies=0.02,
        answer_delay_s=1.5,
        reboot_s=45.0,
        transaction_data=True,
    ),
    Manner(  # a free spirit: no subprotocol, times without zone, 1970 until told, forgets transaction ids
        vendor="Bluegum",
        ac_model="Stringy 7",
        dc_model="Stringy 25DC",
        firmware="0.9.17-beta",
        versions=(Version.V16,),
        serial_prefix="bg",
        measurands=("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import"),
        sample_interval_s=60,
        message_ids=IdStyle.PREFIXED,
        times=TimeStyle.NO_ZONE,
        password=PasswordStyle.HEX_TEXT,
        offers_subprotocol=False,
        boots_on_reconnect=True,
        clock_starts_in_1970=True,
        says_preparing=False,
        phase_names=("L1-N", "L2-N", "L3-N"),
        per_phase=True,
        forgets_number=0.02,
        has_local_list=False,
        has_smart_charging=False,
        has_reservations=False,
        has_firmware=False,
    ),
    Manner(  # thorough 2.0.1, transaction from plug to unplug
        vendor="Fjellvik",
        ac_model="Tind 22",
        dc_model="Tind HPC 300",
        firmware="5.4.0+1187",
        versions=(Version.V201, Version.V21),
        serial_prefix="FV",
        measurands=_RICH,
        ended_measurands=("Energy.Active.Import.Register", "SoC"),
        sample_interval_s=30,
        aligned_interval_s=900,
        per_phase=True,
        start_points=("EVConnected", "Authorized"),
        stop_points=("EVConnected",),
        has_modem=True,
        repeats_evse=False,
        heartbeat_when_busy=False,
    ),
    Manner(  # 2.x with the habits of 1.6: starts when power flows, repeats itself, counts over transactions
        vendor="Pampero",
        ac_model="Sur 11",
        dc_model="Sur 50",
        firmware="21.10",
        versions=(Version.V201,),
        serial_prefix="PMP",
        measurands=("Energy.Active.Import.Register", "Power.Active.Import", "SoC"),
        sample_interval_s=60,
        energy_in_kwh=True,
        times=TimeStyle.SECONDS,
        message_ids=IdStyle.HEX,
        repeats_evse=True,
        counts_per_evse=True,
        reports_station_status=True,
        loses_replies=0.02,
        boots_on_reconnect=True,
    ),
    Manner(  # newest: 2.1 first, availability by event
        vendor="Kaskade",
        ac_model="Nova 22",
        dc_model="Nova Mega 300",
        firmware="1.2.0-rc3",
        versions=(Version.V21,),
        serial_prefix="KSK",
        measurands=_RICH,
        sample_interval_s=20,
        status_by_event=True,
        start_points=("EVConnected",),
        stop_points=("EVConnected",),
        ping_interval_s=240,
        back_off_s=(5.0, 5.0, 4),
    ),
)

PLAIN = Manner(  # no habits at all: what tests begin from
    vendor="Plain",
    ac_model="AC",
    dc_model="DC",
    firmware="1.0.0",
    versions=(Version.V16, Version.V201, Version.V21),
    serial_prefix="PL",
    measurands=_RICH,
    has_meter_details=True,
    transaction_data=True,
    start_points=("EVConnected",),
    stop_points=("EVConnected",),
)
