"""`ingufu web`."""

from typing import Any

import click

from ingufu.app import parts, web_process
from ingufu.app.commands import running
from ingufu.app.settings import Settings


@click.command()
@running.setting_options("http.listen")
@click.option("--listener", type=int, hidden=True)
def web(listener: int | None, **given: Any) -> None:
    """Serve console and API only. `serve` starts this by itself."""
    settings = running.read_settings(given)
    running.long_lived()
    if listener is None:
        _check_version(settings)
    running.run(lambda: web_process.serve_web(settings, inherited=listener))


def _check_version(settings: Settings) -> None:
    from ingufu.infra.storage.migrate import check_version  # noqa: PLC0415 - 20 MB that `serve` has spared this process

    running.run(lambda: check_version(parts.storage_url(settings)))
