"""The demo's data folder: known by its marker, so that nothing else is ever wiped."""

import secrets
import shutil
from pathlib import Path

import msgspec

from ingufu.app.demonstration.login import Login
from ingufu.app.locking import LOCK_FILE, data_folder
from ingufu.core.errors import Conflict

MARKER = "demo.json"
EMAIL = "demo@ingufu.local"
PASSWORD_BYTES = 12


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What the folder was made with."""

    seed: str
    stations: int
    days: int
    email: str
    password: str
    is_complete: bool = False

    @property
    def login(self) -> Login:
        return Login(self.email, self.password)


def open_folder(folder: Path, *, seed: str, stations: int, days: int, is_fresh: bool) -> Marker:
    """Return the marker of a demo's folder, empty or complete, made or wiped if need be.

    Raises Conflict if something else lies there, or a demo of other options; SettingsError, Unavailable if the folder
    cannot be used or a demo runs there.
    """
    with data_folder(folder):
        found = read_marker(folder)
        if found is None and any(one.name != LOCK_FILE for one in folder.iterdir()):
            raise Conflict(f"{folder} is not empty and was not made by the demo. Choose another folder with --data.")
        if found is None or is_fresh or not found.is_complete:
            _wipe(folder)
            return _write(folder, _made(seed, stations, days))
        if (found.seed, found.stations, found.days) != (seed, stations, days):
            raise Conflict(
                f"The demo in {folder} was made with --seed {found.seed} --stations {found.stations} "
                f"--days {found.days}. Give the same, or --fresh to begin anew."
            )
        return found


def complete(folder: Path, marker: Marker) -> None:
    """Note that the folder is filled."""
    _write(folder, msgspec.structs.replace(marker, is_complete=True))


def _made(seed: str, stations: int, days: int) -> Marker:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    return Marker(seed=seed, stations=stations, days=days, email=EMAIL, password=password)


def read_marker(folder: Path) -> Marker | None:
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Conflict(f"{folder / MARKER} cannot be read. Remove {folder} by hand if it is the demo's.") from error


def _write(folder: Path, marker: Marker) -> Marker:
    path = folder / MARKER
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(marker)))
    return marker


def _wipe(folder: Path) -> None:
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        elif one.name != LOCK_FILE:
            one.unlink()
