"""`ingufu demo`."""

import time
from pathlib import Path

import click

from ingufu.app.commands import running
from ingufu.app.demonstration import folder, show
from ingufu.app.outcomes import FAILED, WRONG_USE
from ingufu.app.settings import Settings
from ingufu.core.errors import IngufuError, SettingsError
from ingufu.infra.logs import configure_logs

DAYS = 60
STATIONS = 24


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True, metavar="DIR")
@click.option("--http", metavar="HOST:PORT", help="Console and API. Default: 127.0.0.1:8080, or the next free port.")
@click.option("--ocpp", metavar="HOST:PORT", help="Stations. Default: 127.0.0.1:9000, or the next free port.")
@click.option("--seed", default="ingufu", show_default=True, help="Another seed gives another network.")
@click.option("--stations", type=click.IntRange(2, 1000), default=STATIONS, show_default=True)
@click.option("--days", type=click.IntRange(1, 400), default=DAYS, show_default=True, help="Of history.")
@click.option("--fresh", is_flag=True, help="Wipe the demo in the folder, and begin anew.")
@click.option("--fill", is_flag=True, hidden=True)
def demo(
    data: Path, http: str | None, ocpp: str | None, seed: str, stations: int, days: int, *, fresh: bool, fill: bool
) -> None:
    """Show a living network: server, console, simulated stations, and months of history.

    Everything lies in one folder of its own, and is there again the next time.
    """
    configure_logs("warning", "auto")
    if fill:
        _fill(data)
        return
    try:
        settings = show.demo_settings(data, http, ocpp, running.say)
        marker = folder.open_folder(data, seed=seed, stations=stations, days=days, is_fresh=fresh)
    except SettingsError as error:
        running.fail(error.message, WRONG_USE)
    except IngufuError as error:
        running.fail(error.message, FAILED)
    running.long_lived()
    running.run(lambda: _show(settings, marker))


async def _show(settings: Settings, marker: folder.Marker) -> None:
    if not marker.is_complete:
        began = time.monotonic()
        running.say(f"Making {marker.stations} stations and their last {marker.days} days ...")
        await show.prepare(settings, marker)
        running.say(f"Done in {time.monotonic() - began:.0f} s.")
    await show.show(settings, marker, running.say)


def _fill(data: Path) -> None:
    from ingufu.app.demonstration import filled  # noqa: PLC0415 - the demo itself is spared what only this needs

    running.run(lambda: filled.fill_folder(data))
