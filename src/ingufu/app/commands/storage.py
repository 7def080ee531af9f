"""`ingufu migrate`, `backup` and `restore`."""

from pathlib import Path
from typing import Any

import click

from ingufu.app.commands import running
from ingufu.infra.storage import backup as storage_backup
from ingufu.infra.storage import migrate as storage_migrate
from ingufu.infra.storage.targets import StorageUrl
from ingufu.infra.vault import KEY_FILE

SEALED = "second factors, keys of fiscal devices, addresses of price feeds and passwords that wait for a station"


@click.command()
@running.setting_options()
def migrate(**given: Any) -> None:
    """Bring the database up to date with this program. `serve` does so by itself."""
    settings = running.read_settings(given)
    url = StorageUrl.parse(settings.database or None, settings.data_folder)
    running.run(lambda: storage_migrate.migrate(url))
    running.say(f"{url} is up to date.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@running.setting_options()
def backup(file: Path, **given: Any) -> None:
    """Write the database, as it is at one moment, to the new FILE; the server may run meanwhile."""
    settings = running.read_settings(given)
    url = StorageUrl.parse(settings.database or None, settings.data_folder)
    running.run(lambda: storage_backup.backup(url, file))
    running.say(f"{url} is kept in {file} ({file.stat().st_size:,} bytes).")
    key = settings.data_folder / KEY_FILE
    if key.exists():
        running.say(f"Keep a copy of {key} in another place: it is not in the backup, and opens {SEALED}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Though there is a database; it is kept beside the new one.")
@running.setting_options()
def restore(file: Path, *, replace: bool, **given: Any) -> None:
    """Put the backup in FILE in the place of the database, and bring it up to date. No server may run."""
    settings = running.read_settings(given)
    url = StorageUrl.parse(settings.database or None, settings.data_folder)

    async def put_back() -> str | None:
        settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = await storage_backup.restore(url, file, replaces=replace)
        await storage_migrate.migrate(url)
        return kept

    kept = running.run(put_back)
    running.say(f"{url} is as it was in {file}." + (f" What was there before is kept in {kept}." if kept else ""))
    key = settings.data_folder / KEY_FILE
    if not key.exists():
        running.say(f"Put that server's {KEY_FILE} at {key} before you start, if it had one: it opens {SEALED}.")
