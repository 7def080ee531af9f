"""The end of a station's message log, for a page that shows it as it grows, and single frames."""

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations.store import frames as frame_store
from ingufu.views.frames import Frame, shown

AT_ONCE = 200


async def frames_after(database: Database, station_id: str, last_id: int) -> list[Frame]:
    """Return a station's next frames after this id, in order."""
    return [shown(row) for row in await frame_store.frames_after(database, station_id, last_id, AT_ONCE)]


async def last_frame_id(database: Database, station_id: str) -> int:
    """Return the id of a station's newest frame; 0 if it has none."""
    return await frame_store.last_frame_id(database, station_id)


async def get_frame(database: Database, station_id: str, frame_id: int) -> Frame:
    """Return one frame of a station. Raises NotFound."""
    row = await frame_store.get_frame(database, station_id, frame_id)
    if row is None:
        raise NotFound("This message is no longer kept.")
    return shown(row)
