"""Every setting, with its meaning, what it may be, and its default."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ingufu.app.settings_access import MailSettings, SignInSettings
from ingufu.core.errors import SettingsError

PREFIX = "INGUFU_"
FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "data": "--data",
        "database": "--database",
        "http.listen": "--http",
        "ocpp.listen": "--ocpp",
        "log.level": "--log-level",
        "log.format": "--log-format",
    }
)
SECRET = frozenset({"database", "mail.password"})  # may hold a password: never shown


def _says(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Console and REST API."""

    listen: Annotated[str, _says("Address and port of console and API.")] = "127.0.0.1:8080"
    public_url: Annotated[
        str, _says("How browsers reach the console, if another name or a proxy stands before it; empty: as they ask.")
    ] = ""
    certificate: Annotated[str, _says("PEM file with the certificate chain; empty: plain HTTP.")] = ""
    private_key: Annotated[str, _says("PEM file with the certificate's private key.")] = ""
    trusted_proxies: Annotated[tuple[str, ...], _says("Addresses of proxies whose X-Forwarded-For is believed.")] = ()
    session_hours: Annotated[float, _says("How long a log-in lasts without use.", gt=0, le=24 * 30)] = 12.0


class OcppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how stations connect."""

    listen: Annotated[str, _says("Address and port for plain WebSocket (security profiles 0 and 1); empty: none.")] = (
        "127.0.0.1:9000"
    )
    tls_listen: Annotated[str, _says("Address and port for TLS (security profile 2); empty: none.")] = ""
    mutual_tls_listen: Annotated[
        str, _says("Address and port for TLS with client certificates (security profile 3); empty: none.")
    ] = ""
    certificates: Annotated[
        tuple[str, ...],
        _says("PEM files of the server's certificate chains; one with an RSA and one with an ECDSA key serve all."),
    ] = ()
    private_keys: Annotated[tuple[str, ...], _says("PEM files of the private keys, in the same order.")] = ()
    client_authorities: Annotated[str, _says("PEM file with the authorities that sign stations' certificates.")] = ""
    client_organisation: Annotated[
        str, _says("What the organisation in a station's certificate must contain; empty: it is not looked at.")
    ] = ""
    public_url: Annotated[
        str, _says("What to type into stations if another name or a proxy stands before; empty: the listeners.")
    ] = ""
    base_path: Annotated[str, _says("What stands before the identity in the address of a station.")] = "/ocpp"
    unknown_stations: Annotated[
        str, _says("What an unknown station meets: `wait` for approval, or `refuse`.", pattern="^(wait|refuse)$")
    ] = "wait"
    max_waiting_stations: Annotated[int, _says("Unknown stations that may wait at once.", ge=0, le=100_000)] = 1000
    default_security_profile: Annotated[
        int, _says("Lowest security profile that a newly approved station may use; 0 waives the password.", ge=0, le=3)
    ] = 1
    password_grace_s: Annotated[
        int, _says("How long a station's password still opens after it was changed.", ge=0, le=604_800)
    ] = 0
    subprotocol_mismatch: Annotated[
        str,
        _says(
            "Without a common subprotocol: `refuse` answers 400, `close` upgrades without one and closes (part 4).",
            pattern="^(refuse|close)$",
        ),
    ] = "refuse"
    heartbeat_interval_s: Annotated[int, _says("Heartbeat interval given to stations.", ge=10, le=86_400)] = 300
    pending_retry_s: Annotated[
        int, _says("After which a pending or rejected station may boot again.", ge=5, le=86_400)
    ] = 60
    interval_jitter: Annotated[
        float,
        _says("Part by which these intervals differ between stations, so that they do not beat as one.", ge=0, le=0.5),
    ] = 0.1
    storm_boots_per_minute: Annotated[
        int,
        _says("Boots within a minute beyond which stations are given longer intervals; 0: never.", ge=0, le=1_000_000),
    ] = 600
    storm_stretch: Annotated[float, _says("How many times longer at most.", ge=1, le=100)] = 4.0
    ping_interval_s: Annotated[float, _says("Between our pings on a silent connection; 0: none.", ge=0, le=3600)] = 60.0
    silent_intervals: Annotated[
        int, _says("Ping intervals of silence after which a connection counts as dead.", ge=1, le=1000)
    ] = 3
    call_timeout_s: Annotated[float, _says("How long a station may take to answer a request.", gt=0, le=600)] = 30.0
    max_message_bytes: Annotated[int, _says("Largest message taken.", ge=16_384, le=64 * 1024 * 1024)] = 1_048_576
    messages_per_s: Annotated[
        float, _says("Messages a station may send in a second, beyond a burst.", gt=0, le=100_000)
    ] = 50.0
    handshakes_per_s: Annotated[
        float, _says("Connection attempts one listener takes in a second.", gt=0, le=1_000_000)
    ] = 3000.0
    drain_s: Annotated[float, _says("Over how long connections are closed when the server stops.", ge=0, le=600)] = 5.0
    quirks: Annotated[
        str, _says("Folder with files of quirks of your own, beside those that are shipped; empty: none.")
    ] = ""
    allows_compression: Annotated[bool, _says("Whether permessage-deflate is agreed to when a station offers it.")] = (
        True
    )


class AuthorizationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How id tokens are judged."""

    open_transaction_counts_h: Annotated[
        float,
        _says("After which a transaction that was never ended no longer counts as use of its token.", gt=0, le=8760),
    ] = 24.0
    late_start_s: Annotated[
        float,
        _says(
            "A start reported this late was decided by the station, and is not refused as concurrent.", ge=0, le=86_400
        ),
    ] = 900.0
    cache_h: Annotated[
        float,
        _says(
            "How long stations may rely on an acceptance in their cache without asking again; 0: as they like.",
            ge=0,
            le=8760,
        ),
    ] = 0.0


class CertificatesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How certificates of contracts are checked (Plug & Charge)."""

    responder_timeout_s: Annotated[
        float, _says("How long a responder may take to say whether a certificate is revoked.", gt=0, le=60)
    ] = 5.0
    patience_s: Annotated[
        float, _says("How long all responders may take together, for one message of a station.", gt=0, le=60)
    ] = 10.0
    allows_private_responders: Annotated[
        bool, _says("Whether responders in private networks are asked. Stations name the addresses.")
    ] = False
    accepts_unchecked: Annotated[
        bool, _says("Whether a certificate is accepted whose revocation cannot be looked up.")
    ] = False


class ChargingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How transactions are kept."""

    abandoned_days: Annotated[
        int,
        _says(
            "After which a transaction is closed by estimate whose station is not heard of any more; 0: never. "
            "Its real end corrects it.",
            ge=0,
            le=36_500,
        ),
    ] = 30


class BillingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sessions are billed, and how their energy is judged before."""

    grace_s: Annotated[
        float,
        _says(
            "How long after its end a session is billed: what its station still has to tell arrives.", ge=0, le=86_400
        ),
    ] = 10.0
    shortest_s: Annotated[
        float, _says("A session that is shorter and took no energy is not billed; 0: all are.", ge=0, le=86_400)
    ] = 60.0
    cost_interval_s: Annotated[
        float, _says("How often stations are told what a running session costs; 0: never.", ge=0, le=86_400)
    ] = 60.0

    tolerance_wh: Annotated[
        float, _says("By how many Wh registers and signed readings may differ.", ge=0, le=1_000_000)
    ] = 50.0
    tolerance_percent: Annotated[
        float, _says("By how many percent of the energy they may differ; the more of both counts.", ge=0, le=100)
    ] = 0.5
    max_power_w: Annotated[
        float, _says("Most power of a connector for which none is entered.", gt=0, le=10_000_000)
    ] = 500_000.0
    max_hours: Annotated[float, _says("A session that lasted longer is looked at by a person.", gt=0, le=8760)] = 48.0
    max_gap_minutes: Annotated[
        float, _says("Time without a reading, where readings are all there is, that a person looks at.", gt=0, le=1440)
    ] = 15.0
    small_wh: Annotated[
        float,
        _says("A doubtful session that can be no more than this is billed without a look; 0: none.", ge=0, le=100_000),
    ] = 0.0
    reviews_unset_clocks: Annotated[
        bool, _says("Whether a person looks at sessions of stations whose clock was not set.")
    ] = True


class ConfigurationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done by itself for the configuration of stations."""

    takes_inventory: Annotated[
        bool, _says("Whether a station is asked for all its variables when it is new, and when its firmware changed.")
    ] = True
    applies_desired: Annotated[bool, _says("Whether desired values are set after a station booted or connected.")] = (
        True
    )
    repairs_drift: Annotated[bool, _says("Whether values that are found to differ later are set again.")] = True
    quiet_s: Annotated[
        float, _says("How long a station is left alone after it booted or connected.", ge=0, le=3600)
    ] = 20.0
    spread_s: Annotated[float, _says("Over how long stations that came together are asked.", ge=0, le=86_400)] = 60.0
    at_once: Annotated[int, _says("Stations looked after at the same time.", ge=1, le=1000)] = 10
    report_timeout_s: Annotated[float, _says("Silence after which a report counts as incomplete.", ge=1, le=3600)] = (
        90.0
    )
    checks_every_h: Annotated[
        float, _says("How often desired values are read again; 0: never by itself.", ge=0, le=8760)
    ] = 24.0


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long series are kept, in days; 0 keeps them for ever."""

    frames_days: Annotated[int, _says("Raw frames.", ge=0, le=36_500)] = 30
    events_days: Annotated[int, _says("Events (the timeline of stations).", ge=0, le=36_500)] = 365
    attempts_days: Annotated[int, _says("Connection attempts.", ge=0, le=36_500)] = 90
    decisions_days: Annotated[int, _says("Authorisation decisions.", ge=0, le=36_500)] = 365
    idle_readings_days: Annotated[int, _says("Meter readings outside transactions.", ge=0, le=36_500)] = 90
    readings_days: Annotated[int, _says("Meter readings of transactions.", ge=0, le=36_500)] = 0
    audit_days: Annotated[int, _says("The audit trail.", ge=0, le=36_500)] = 0


class TariffsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How prices are learnt."""

    feed_timeout_s: Annotated[float, _says("How long a server may take to answer with prices.", gt=0, le=60)] = 20.0
    allows_private_feeds: Annotated[
        bool, _says("Whether price feeds are fetched from private networks. Users of the console name the addresses.")
    ] = False


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the program writes about itself."""

    level: Annotated[
        str, _says("Least level written: debug, info, warning or error.", pattern="^(debug|info|warning|error)$")
    ] = "info"
    format: Annotated[
        str, _says("`text` for people, `json` for machines, `auto`: text on a terminal.", pattern="^(auto|text|json)$")
    ] = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. In the file, sections are tables; in the environment, INGUFU_OCPP_LISTEN is `listen` of [ocpp]."""

    data: Annotated[str, _says("Folder for the database and everything else that must be kept.")] = "data"
    database: Annotated[str, _says("postgresql:// URL of the database; empty: an SQLite file in the data folder.")] = ""
    backups: Annotated[
        str, _says("Folder where you keep backups, for `ingufu doctor` to look at their age; empty: not looked at.")
    ] = ""
    operator: Annotated[str, _says("Name of the operator, used when the database is made.")] = "Operator"
    http: HttpSettings = HttpSettings()
    sign_in: SignInSettings = SignInSettings()
    mail: MailSettings = MailSettings()
    ocpp: OcppSettings = OcppSettings()
    authorization: AuthorizationSettings = AuthorizationSettings()
    certificates: CertificatesSettings = CertificatesSettings()
    charging: ChargingSettings = ChargingSettings()
    billing: BillingSettings = BillingSettings()
    configuration: ConfigurationSettings = ConfigurationSettings()
    retention: RetentionSettings = RetentionSettings()
    tariffs: TariffsSettings = TariffsSettings()
    log: LogSettings = LogSettings()

    @property
    def data_folder(self) -> Path:
        return Path(self.data).expanduser()


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is documented and judged."""

    path: str  # dotted: section and name
    hint: Any  # its annotated type
    requirement: str  # what it must be, as it follows "it must be"
    default: Any
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.path.replace(".", "_").upper()

    @property
    def is_list(self) -> bool:
        return get_origin(get_args(self.hint)[0]) is tuple


@cache
def catalogue() -> Mapping[str, Setting]:
    """Return every setting by its path, in order."""
    return MappingProxyType({setting.path: setting for setting in _described(Settings, "")})


@cache
def sections() -> Mapping[str, str]:
    """Return what each section is about, by name; the empty name is the file's top."""
    hints = get_type_hints(Settings)
    named = {name: hint.__doc__ or "" for name, hint in hints.items() if _is_section(hint)}
    return MappingProxyType({"": "The whole server.", **named})


def split_address(text: str, setting: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPv6]:PORT`. Raises SettingsError."""
    host, colon, port = text.rpartition(":")
    is_number = port.isascii() and port.isdigit() and int(port) <= 65_535
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not is_number or not host.strip("[]") or (":" in host and not is_bracketed):
        raise SettingsError(f"{setting} is {text!r}; it must be an address and a port, such as 127.0.0.1:8080.")
    return host.strip("[]"), int(port)


def _described(kind: type[msgspec.Struct], prefix: str) -> Iterator[Setting]:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if _is_section(hint):
            yield from _described(hint, f"{prefix}{field.name}.")
            continue
        meta = next(meta for meta in hint.__metadata__ if isinstance(meta, Meta))
        yield Setting(
            path=f"{prefix}{field.name}",
            hint=hint,
            requirement=_requirement(get_args(hint)[0], meta),
            default=field.default,
            meaning=meta.description or "",
        )


def _is_section(hint: Any) -> bool:  # any annotation of a setting
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _requirement(kind: Any, meta: Meta) -> str:  # any annotation of a setting
    if get_origin(kind) is tuple:
        return "a list of text"
    if meta.pattern is not None:
        words = re.findall(r"\w+", meta.pattern)
        return f"{', '.join(words[:-1])} or {words[-1]}"
    name = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]
    limits = [
        f"{word} {limit:,g}".replace(",", " ") if isinstance(limit, float) else f"{word} {limit}"
        for word, limit in (("above", meta.gt), ("at least", meta.ge), ("at most", meta.le))
        if limit is not None
    ]
    return f"{name} {' and '.join(limits)}".rstrip()
