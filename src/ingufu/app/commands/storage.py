"""`ingufu migrate`, `backup` and `restore`."""

from typing import Any

import click

from ingufu.app.commands import running
from ingufu.infra.storage import migrate as storage_migrate
from ingufu.infra.storage.targets import StorageUrl


@click.command()
@running.setting_options()
def migrate(**given: Any) -> None:
    """Bring the database up to date with this program. `serve` does so by itself."""
    settings = running.read_settings(given)
    url = StorageUrl.parse(settings.database or None, settings.data_folder)
    running.run(lambda: storage_migrate.migrate(url))
    running.say(f"{url} is up to date.")
