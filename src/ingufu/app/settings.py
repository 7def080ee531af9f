"""Every setting, with its meaning and its default, read from flags, environment and one TOML file, in that order."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ingufu.core.errors import SettingsError

PREFIX = "INGUFU_"
HANDED_OVER = "INGUFU_HANDED_OVER_SETTINGS"  # from a process to the ones that it starts: all settings as JSON
_NOT_SETTINGS = frozenset({"INGUFU_REQUIRE", "INGUFU_CONFIG", HANDED_OVER})  # of the tests, of the command line, and ours


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
    base_path: Annotated[str, _says("What stands before the identity in the address of a station.")] = "/ocpp"
    unknown_stations: Annotated[
        str, _says("What an unknown station meets: `wait` for approval, or `refuse`.", pattern="^(wait|refuse)$")
    ] = "wait"
    max_waiting_stations: Annotated[int, _says("Unknown stations that may wait at once.", ge=0, le=100_000)] = 1000
    default_security_profile: Annotated[
        int, _says("Lowest security profile that a newly approved station may use; 0 waives the password.", ge=0, le=3)
    ] = 1
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
    ping_interval_s: Annotated[float, _says("Between our pings on a silent connection; 0: none.", ge=0, le=3600)] = 60.0
    silent_intervals: Annotated[
        int, _says("Ping intervals of silence after which a connection counts as dead.", ge=1)
    ] = 3
    call_timeout_s: Annotated[float, _says("How long a station may take to answer a request.", gt=0, le=600)] = 30.0
    max_message_bytes: Annotated[int, _says("Largest message taken.", ge=16_384, le=64 * 1024 * 1024)] = 1_048_576
    messages_per_s: Annotated[float, _says("Messages a station may send in a second, beyond a burst.", gt=0)] = 50.0
    handshakes_per_s: Annotated[float, _says("Connection attempts one listener takes in a second.", gt=0)] = 2000.0
    drain_s: Annotated[float, _says("Over how long connections are closed when the server stops.", ge=0, le=600)] = 5.0
    allows_compression: Annotated[bool, _says("Whether permessage-deflate is agreed to when a station offers it.")] = (
        True
    )


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long series are kept, in days; 0 keeps them for ever."""

    frames_days: Annotated[int, _says("Raw frames.", ge=0)] = 30
    events_days: Annotated[int, _says("Events (the timeline of stations).", ge=0)] = 365
    attempts_days: Annotated[int, _says("Connection attempts.", ge=0)] = 90
    decisions_days: Annotated[int, _says("Authorisation decisions.", ge=0)] = 365
    idle_readings_days: Annotated[int, _says("Meter readings outside transactions.", ge=0)] = 90
    readings_days: Annotated[int, _says("Meter readings of transactions.", ge=0)] = 0
    audit_days: Annotated[int, _says("The audit trail.", ge=0)] = 0


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
    operator: Annotated[str, _says("Name of the operator, used when the database is made.")] = "Operator"
    http: HttpSettings = HttpSettings()
    ocpp: OcppSettings = OcppSettings()
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()

    @property
    def data_folder(self) -> Path:
        return Path(self.data)


def load(
    *, file: Path | None = None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings: flags win over the environment, which wins over the file, which wins over defaults.

    `flags` and the environment name a setting by its dotted path and by INGUFU_<SECTION>_<NAME>.
    Raises SettingsError with a sentence that says which setting is wrong, where it stands and why.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path, value in _from_file(file):
        _put(tree, origins, path, value, f"{file}")
    for path, value, name in _from_environment(environment):
        _put(tree, origins, path, value, f"environment variable {name}")
    for path, value in (flags or {}).items():
        if value is not None:
            _put(tree, origins, path, value, f"flag --{path.rsplit('.', 1)[-1].replace('_', '-')}")
    settings = _converted(tree, origins)
    _check_together(settings)
    return settings


def handed_over(environment: Mapping[str, str]) -> Settings | None:
    """Return the settings that the starting process decided on, if one did."""
    text = environment.get(HANDED_OVER)
    return None if text is None else msgspec.json.decode(text, type=Settings)


def described() -> Iterator[tuple[str, str, str, str]]:
    """Yield each setting's path, type, default and meaning, for the documentation."""
    yield from _described(Settings, "")


def split_address(text: str, setting: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPv6]:PORT`. Raises SettingsError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535 or not host:
        raise SettingsError(f"{setting} is {text!r}; it must be an address and a port, such as 127.0.0.1:8080.")
    return host.strip("[]"), int(port)


def _described(kind: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _described(hint, f"{prefix}{field.name}.")
            continue
        meaning = next((meta.description or "" for meta in hint.__metadata__ if isinstance(meta, Meta)), "")
        yield f"{prefix}{field.name}", _type_name(get_args(hint)[0]), _toml(field.default), meaning


def _type_name(kind: Any) -> str:  # any annotation of a setting
    if get_origin(kind) is tuple:
        return "list of text"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[kind]


def _toml(value: Any) -> str:  # any default of a setting
    if isinstance(value, tuple):
        return "[]"
    return msgspec.json.encode(value).decode()


def _from_file(file: Path | None) -> Iterator[tuple[str, Any]]:
    if file is None:
        return
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"The settings file {file} does not exist.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error}") from error
    yield from _flat(tree, "")


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    known = {PREFIX + path.replace(".", "_").upper(): (path, kind) for path, kind, _, _ in described()}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
            continue
        if name not in known:
            raise SettingsError(f"The environment variable {name} names no setting.{_nearest(name, known)}")
        path, kind = known[name]
        yield path, [part for part in text.split(",") if part] if kind == "list of text" else text, name


def _nearest(name: str, known: Iterable[str]) -> str:

    close = get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]}?" if close else ""


def _put(tree: dict[str, Any], origins: dict[str, str], path: str, value: Any, origin: str) -> None:
    if path not in {known for known, _, _, _ in described()}:
        raise SettingsError(
            f"{path} in {origin} is no setting.{_nearest(path, [known for known, _, _, _ in described()])}"
        )
    *sections, name = path.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[name] = value
    origins[path] = origin


def _converted(tree: dict[str, Any], origins: dict[str, str]) -> Settings:
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        path = where.rstrip("`").split("[")[0]
        raise SettingsError(f"{path} in {origins.get(path, 'the settings')} is wrong: {reason}.") from error


def _check_together(settings: Settings) -> None:
    _check_listeners(settings)
    _check_certificates(settings)
    if not settings.ocpp.base_path.startswith("/"):
        raise SettingsError(f"ocpp.base_path is {settings.ocpp.base_path!r}; it must begin with a slash.")
    if settings.database and not settings.database.startswith(("postgresql://", "postgres://")):
        raise SettingsError("database must be a postgresql:// URL, or empty for an SQLite file in the data folder.")


def _check_listeners(settings: Settings) -> None:
    ocpp = settings.ocpp
    listeners = {
        "ocpp.listen": ocpp.listen,
        "ocpp.tls_listen": ocpp.tls_listen,
        "ocpp.mutual_tls_listen": ocpp.mutual_tls_listen,
    }
    if not any(listeners.values()):
        raise SettingsError(f"No station could connect: {', '.join(listeners)} are all empty.")
    split_address(settings.http.listen, "http.listen")
    for name, text in listeners.items():
        if text:
            split_address(text, name)


def _check_certificates(settings: Settings) -> None:
    ocpp, http = settings.ocpp, settings.http
    if (ocpp.tls_listen or ocpp.mutual_tls_listen) and not ocpp.certificates:
        raise SettingsError("ocpp.certificates is empty, but a TLS listener is set: it needs a certificate.")
    if len(ocpp.certificates) != len(ocpp.private_keys):
        raise SettingsError("ocpp.certificates and ocpp.private_keys must name as many files, in the same order.")
    if ocpp.mutual_tls_listen and not ocpp.client_authorities:
        raise SettingsError("ocpp.client_authorities is empty, but ocpp.mutual_tls_listen needs to know whom to trust.")
    if bool(http.certificate) != bool(http.private_key):
        raise SettingsError("http.certificate and http.private_key belong together: set both or none.")
    files = [("ocpp.certificates", path) for path in ocpp.certificates]
    files += [("ocpp.private_keys", path) for path in ocpp.private_keys]
    files += [("ocpp.client_authorities", ocpp.client_authorities), ("http.certificate", http.certificate)]
    for name, path in files:
        if path:
            _check_file(name, path)


def _check_file(setting: str, path: str) -> None:
    if not Path(path).is_file():
        raise SettingsError(f"{setting} names {path}, and there is no such file.")
