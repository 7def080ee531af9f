"""Where settings come from: flags, then the environment, then one TOML file; and the sentence about a wrong one."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from ingufu.app import settings_checks
from ingufu.app.settings import FLAGS, PREFIX, SECRET, Setting, Settings, catalogue, sections
from ingufu.core.errors import SettingsError

HANDED_OVER = "INGUFU_HANDED_OVER_SETTINGS"  # from a process to the ones that it starts: all settings as JSON
NOT_SETTINGS = frozenset({"INGUFU_REQUIRE", "INGUFU_CONFIG", HANDED_OVER})  # of the tests, the command line, and ours
SHOWN_AT_MOST = 60  # characters of a wrong value

_Found = tuple[str, Any, str]  # path, value, origin


def load(
    *, file: Path | None = None, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings: flags win over the environment, which wins over the file, which wins over defaults.

    `flags` names settings by their path; None counts as not given.
    Raises SettingsError with a sentence that says which setting is wrong, where it stands and why.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for found in (_from_file(file), _from_environment(environment), _from_flags(flags or {})):
        for path, value, origin in found:
            _put(tree, path, _judged(path, value, origin))
            origins[path] = origin
    settings = msgspec.convert(tree, Settings)
    settings_checks.check(settings, origins)
    return settings


def handed_over(environment: Mapping[str, str]) -> Settings | None:
    """Return the settings that the starting process decided on, if one did. Raises SettingsError."""
    text = environment.get(HANDED_OVER)
    try:
        return None if text is None else msgspec.json.decode(text, type=Settings)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{HANDED_OVER} is for the program's own processes, and does not hold settings.") from error


def hand_over(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that is to run with these settings and no others."""
    plain = {name: text for name, text in environment.items() if not name.startswith(PREFIX)}
    return plain | {HANDED_OVER: msgspec.json.encode(settings).decode()}


def _from_file(file: Path | None) -> Iterator[_Found]:
    if file is None:
        return
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"The settings file {file} does not exist.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {file} is not TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {file} is not UTF-8 text.") from error
    except OSError as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from error
    for path, value in _flat(tree, ""):
        yield path, value, f"in {file}"


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and (value or path in sections()):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Found]:
    known = {setting.variable: setting for setting in catalogue().values()}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        setting = known.get(name)
        if setting is None:
            raise SettingsError(f"The environment variable {name} names no setting.{_nearest(name, known)}")
        value = [part.strip() for part in text.split(",") if part.strip()] if setting.is_list else text
        yield setting.path, value, f"from the environment variable {name}"


def _from_flags(flags: Mapping[str, Any]) -> Iterator[_Found]:
    for path, value in flags.items():
        if value is not None:
            yield path, value, f"from the flag {FLAGS[path]}"


def _judged(path: str, value: Any, origin: str) -> Any:  # any value that a file may hold
    setting = catalogue().get(path)
    if setting is None:
        raise SettingsError(f"{path}, {origin}, is no setting.{_nearest(path, [*catalogue(), *sections()])}")
    try:
        return msgspec.convert(value, setting.hint, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_sentence(setting, value, origin)) from error


def _sentence(setting: Setting, value: Any, origin: str) -> str:  # any value that a file may hold
    shown = "" if setting.path in SECRET else f" is {str(value)[:SHOWN_AT_MOST]!r};"
    return f"{setting.path}, {origin},{shown} it must be {setting.requirement}."


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, [one for one in known if one], 1)
    return f" Did you mean {close[0]}?" if close else ""


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *above, name = path.split(".")
    for section in above:
        tree = tree.setdefault(section, {})
    tree[name] = value
