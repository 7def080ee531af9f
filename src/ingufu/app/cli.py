"""The command line: `ingufu serve`, and what an operator does beside it."""

import os
import sys
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import click
import uvloop

from ingufu.app import compose, web_process
from ingufu.app import serve as serving
from ingufu.app import settings as app_settings
from ingufu.app.settings import Settings
from ingufu.core.errors import IngufuError, SettingsError
from ingufu.infra.storage import migrate as storage_migrate
from ingufu.infra.telemetry import configure_logs

T = TypeVar("T")

WRONG_USE = 2  # exit codes: settings or arguments
FAILED = 1  # everything else


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on uvloop; what is expected to go wrong becomes a sentence and an exit code."""
    try:
        return uvloop.run(main())
    except SettingsError as error:
        click.echo(f"ingufu: {error}", err=True)
        sys.exit(WRONG_USE)
    except (IngufuError, OSError) as error:
        click.echo(f"ingufu: {error}", err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)


def read_settings(file: str | None, flags: dict[str, Any]) -> Settings:
    """Return the settings of this process; a wrong one ends it with a sentence."""
    try:
        handed_over = app_settings.handed_over(os.environ)
        settings = handed_over or app_settings.load(
            file=Path(file) if file else None, environment=os.environ, flags=flags
        )
    except SettingsError as error:
        click.echo(f"ingufu: {error}", err=True)
        sys.exit(WRONG_USE)
    configure_logs(settings.log.level, settings.log.format)
    return settings


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every command has which opens the database."""
    command = click.option("--database", metavar="URL", help="postgresql:// URL instead of a file in the data folder.")(
        command
    )
    command = click.option("--data", metavar="DIR", help="Data folder (default: data).")(command)
    return click.option("--config", "config", metavar="FILE", envvar="INGUFU_CONFIG", help="TOML file with settings.")(
        command
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Ingufu: charging station management for OCPP 1.6, 2.0.1 and 2.1."""


@main.command(name="version")
def show_version() -> None:
    """Print the version."""
    click.echo(version("ingufu"))


@main.command()
@common_options
@click.option("--http", metavar="HOST:PORT", help="Console and API (default: 127.0.0.1:8080).")
@click.option("--ocpp", metavar="HOST:PORT", help="Stations, plain WebSocket (default: 127.0.0.1:9000).")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
def serve(
    config: str | None,
    data: str | None,
    database: str | None,
    http: str | None,
    ocpp: str | None,
    log_level: str | None,
) -> None:
    """Serve stations, console and API: everything, in one command."""
    settings = read_settings(
        config,
        {"data": data, "database": database, "http.listen": http, "ocpp.listen": ocpp, "log.level": log_level},
    )
    run(lambda: serving.serve(settings, click.echo))


@main.command()
@common_options
def web(config: str | None, data: str | None, database: str | None) -> None:
    """Serve console and API only; `serve` starts this by itself."""
    settings = read_settings(config, {"data": data, "database": database})
    run(lambda: web_process.serve_web(settings))


@main.command()
@common_options
def migrate(config: str | None, data: str | None, database: str | None) -> None:
    """Bring the database up to date with this program. `serve` does so by itself."""
    settings = read_settings(config, {"data": data, "database": database})
    settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = compose.storage_url(settings)
    run(lambda: storage_migrate.migrate(url))
    click.echo(f"{url} is up to date.")
