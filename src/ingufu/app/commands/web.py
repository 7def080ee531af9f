"""`ingufu web`."""

from typing import Any

import click

from ingufu.app import parts, web_process
from ingufu.app.commands import running
from ingufu.app.settings import Settings

SWITCH_S = 0.0001  # pages keep threads busy that read: the one that commits, for which stations wait, needs turns soon


@click.command()
@running.setting_options("http.listen")
@click.option("--listener", type=int, hidden=True)
def web(listener: int | None, **given: Any) -> None:
    """Serve console and API only. `serve` starts this by itself."""
    settings = running.read_settings(given)
    running.long_lived(switch_s=SWITCH_S)
    if listener is None:
        _check_version(settings)
    running.run(lambda: web_process.serve_web(settings, inherited=listener))


def _check_version(settings: Settings) -> None:
    from ingufu.infra.storage.migrate import check_version  # noqa: PLC0415 - 20 MB that `serve` has spared this process

    running.run(lambda: check_version(parts.storage_url(settings)))
