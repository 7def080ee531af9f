"""How every command begins and ends: settings read, logs set up, failures told as a sentence and an exit code."""

import gc
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
import uvloop

from ingufu.app import settings_loading
from ingufu.app.outcomes import FAILED, INTERRUPTED, SAID, WRONG_USE
from ingufu.app.settings import FLAGS, Settings, catalogue
from ingufu.core.errors import IngufuError, InvalidInput, SettingsError
from ingufu.infra.logs import configure_logs

Command = TypeVar("Command", bound=Callable[..., None])
T = TypeVar("T")

SWITCH_S = 0.0005  # how long one thread of Python may keep the others waiting


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on uvloop; what is expected to go wrong becomes a sentence and an exit code."""
    try:
        return uvloop.run(main())
    except (SettingsError, InvalidInput) as error:
        fail(error.message, WRONG_USE)
    except IngufuError as error:
        fail(error.message, FAILED)
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.", FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def fail(sentence: str, code: int = FAILED) -> NoReturn:
    """End the process with a sentence on standard error."""
    click.echo(f"{SAID}{sentence}", err=True)
    sys.exit(code)


def read_settings(given: dict[str, Any]) -> Settings:
    """Return the settings of this process, and set up its logs; a wrong one ends it with a sentence.

    `given` holds what the options of `setting_options` were given, by their parameter names.
    """
    try:
        settings = settings_of(given)
    except SettingsError as error:
        fail(error.message, WRONG_USE)
    configure_logs(settings.log.level, settings.log.format)
    return settings


def settings_of(given: dict[str, Any]) -> Settings:
    """Return the settings of this process, as `read_settings` does. Raises SettingsError."""
    file = given.pop("config", None)
    flags = {path: given.pop(_parameter(path)) for path in FLAGS if _parameter(path) in given}
    handed_over = settings_loading.handed_over(os.environ)
    return handed_over or settings_loading.load(file=Path(file) if file else None, environment=os.environ, flags=flags)


def setting_options(*paths: str) -> Callable[[Command], Command]:
    """Add --config, --data, --database, the two of the log, and a flag for each further setting named by path."""

    def add(command: Command) -> Command:
        for path in reversed(("data", "database", *paths, "log.level", "log.format")):
            setting = catalogue()[path]
            shown = f"{setting.meaning} Default: {setting.default}." if setting.default else setting.meaning
            command = click.option(FLAGS[path], _parameter(path), metavar=_METAVARS.get(path, "TEXT"), help=shown)(
                command
            )
        option = click.option(
            "--config", metavar="FILE", envvar="INGUFU_CONFIG", help="TOML file with settings (or INGUFU_CONFIG)."
        )
        return option(command)

    return add


def say(sentence: str) -> None:
    """Tell whoever started the command, at once even through a pipe."""
    click.echo(sentence)
    sys.stdout.flush()


def show_json(value: Any) -> None:  # anything that can be JSON
    """Write one JSON document for scripts."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def long_lived(*, switch_s: float = SWITCH_S) -> None:
    """Suit the interpreter to a server, of which a thread may keep the others waiting for `switch_s`.

    The collector looks less often: servers make little rubbish in cycles, and looking costs time. And a thread that
    commits does not wait 5 ms, the default, for the event loop to let it go on: a quarter less latency when busy.
    """
    gc.set_threshold(10_000, 20, 50)
    sys.setswitchinterval(switch_s)


def _parameter(path: str) -> str:
    return f"setting_{path.replace('.', '_')}"


_METAVARS = {"data": "DIR", "database": "URL", "http.listen": "HOST:PORT", "ocpp.listen": "HOST:PORT"}
