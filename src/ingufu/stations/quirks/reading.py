"""Reads the files of quirks, those shipped and an operator's own, and says by file and line what is wrong in one."""

import functools
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ingufu.core.errors import SettingsError
from ingufu.stations.quirks import choosing
from ingufu.stations.quirks.model import OWN_NUMBERS_FROM, Quirk

MAX_FILE_BYTES = 256 * 1024
_HEADER = re.compile(r"^[ \t]*\[\[\s*quirk\s*\]\]", re.MULTILINE)
_PATH = re.compile(r"`?\$\.quirk\[(?P<number>\d+)\](?:\.(?P<key>\w+))?")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: what it is about, and its quirks."""

    about: Annotated[str, Meta(min_length=1, max_length=200)]
    quirk: tuple[Quirk, ...]


def load(folder: Path | None = None) -> tuple[Quirk, ...]:
    """Return all quirks by number: those shipped, and those of an operator's folder, which may replace them.

    Raises SettingsError that names file, line and reason.
    """
    if folder is None:
        return shipped()
    if not folder.is_dir():
        raise SettingsError(f"ocpp.quirks names {folder}, which is no folder.")
    found = {quirk.number: quirk for quirk in shipped()}
    own: dict[int, str] = {}
    for file in sorted(folder.glob("*.toml")):
        for quirk in _read(str(file), _text(file)):
            if quirk.number in own:
                raise SettingsError(f"{file}: quirk {quirk.number} stands in {own[quirk.number]} already.")
            if quirk.number not in found and quirk.number < OWN_NUMBERS_FROM:
                raise SettingsError(
                    f"{file}: quirk {quirk.number} is not known here; your own have numbers from {OWN_NUMBERS_FROM}."
                )
            own[quirk.number] = str(file)
            found[quirk.number] = quirk
    return tuple(found[number] for number in sorted(found))


@functools.cache
def shipped() -> tuple[Quirk, ...]:
    """Return the quirks of this package, by number."""
    found: dict[int, Quirk] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            for quirk in _read(file.name, file.read_text(encoding="utf-8")):
                if quirk.number in found:
                    raise SettingsError(f"{file.name}: quirk {quirk.number} is in {found[quirk.number].source} too.")
                found[quirk.number] = quirk
    return tuple(found[number] for number in sorted(found))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingsError(f"{file} is larger than {MAX_FILE_BYTES} bytes.")
        return data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text.") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from error


def _read(name: str, text: str) -> tuple[Quirk, ...]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not TOML: {error}.") from error
    try:
        read = msgspec.convert(tree, _File)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}, line {_line(text, str(error))}: {error}.") from error
    for index, quirk in enumerate(read.quirk):
        flaw = _flaw(quirk)
        if flaw is not None:
            raise SettingsError(f"{name}, line {_line_of(text, index, flaw[0])}: {flaw[1]}.")
    return tuple(msgspec.structs.replace(quirk, source=Path(name).name) for quirk in read.quirk)


def _flaw(quirk: Quirk) -> tuple[str, str] | None:
    """Return what no form can say: the key, and what is wrong with it."""
    for match in quirk.match:
        if not any(getattr(match, name) for name in match.__struct_fields__):
            return "match", "a match that names nothing would fit nobody"
        try:
            choosing.parse_range(match.firmware or "*")
        except ValueError as error:
            return "firmware", str(error)
    pattern = quirk.does.token_pattern
    if pattern is not None:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            return "token_pattern", f"token_pattern is no regular expression: {error}"
        if "tag" not in groups:
            return "token_pattern", "token_pattern has no group (?P<tag>...)"
    return None


def _line(text: str, complaint: str) -> int:
    found = _PATH.search(complaint)
    if found is None:
        return 1
    return _line_of(text, int(found["number"]), found["key"] or _named(complaint))


def _named(complaint: str) -> str:
    """Return the field that a complaint names, as of one that is not known."""
    named = re.search(r"field `(\w+)`", complaint)
    return named[1] if named else ""


def _line_of(text: str, index: int, key: str) -> int:
    """Return the line of a key within one quirk; of the quirk itself if the key is not found there."""
    starts = [match.start() for match in _HEADER.finditer(text)]
    if index >= len(starts):
        return 1
    end = starts[index + 1] if index + 1 < len(starts) else len(text)
    begin = text.count("\n", 0, starts[index]) + 1
    for offset, line in enumerate(text[starts[index] : end].split("\n")):
        if key and re.search(rf"(?<![\w.]){re.escape(key)}\s*(?:[.=\]]|$)", line):
            return text.count("\n", 0, starts[index]) + 1 + offset
    return begin
