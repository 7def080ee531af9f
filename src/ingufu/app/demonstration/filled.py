"""The process that fills the demo's folder."""

import gc
import os
from pathlib import Path

from ingufu.app import settings_loading
from ingufu.app.demonstration.filling import fill
from ingufu.app.demonstration.folder import Marker, complete, read_marker
from ingufu.app.locking import data_folder
from ingufu.core.clock import SystemClock
from ingufu.core.errors import Conflict
from ingufu.simulator.plan import plan


async def fill_folder(folder: Path) -> None:
    """Fill the folder as its marker says. Raises Conflict if there is none, and what the database raises."""
    settings = settings_loading.handed_over(os.environ)
    with data_folder(folder):
        marker: Marker | None = read_marker(folder)
        if settings is None or marker is None or marker.is_complete:
            raise Conflict(f"{folder} is no demo's folder that waits to be filled.")
        gc.disable()  # it ends before rubbish could matter
        network = plan(marker.seed, marker.stations)
        await fill(settings, network, days=marker.days, now=SystemClock().now(), login=marker.login)
        complete(folder, marker)
