"""The end of a station's message log, for a page that shows it as it grows, and single frames."""

import msgspec
from sqlalchemy import bindparam, func, select

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import frames
from ingufu.views.frames import Frame

_COLUMNS = [frames.c[name] for name in Frame.__struct_fields__ if name in frames.columns]
_AFTER = (
    select(*_COLUMNS)
    .where(frames.c.station_id == bindparam("station"), frames.c.id > bindparam("after"))
    .order_by(frames.c.id)
    .limit(200)
)
_LAST = select(func.max(frames.c.id).label("last")).where(frames.c.station_id == bindparam("station"))
_ONE = select(*_COLUMNS).where(frames.c.id == bindparam("wanted"), frames.c.station_id == bindparam("station"))


async def frames_after(database: Database, station_id: str, last_id: int) -> list[Frame]:
    """Return a station's next frames after this id, in order."""
    rows = await database.fetch_all(_AFTER, {"station": station_id, "after": last_id})
    return [msgspec.convert(row, Frame) for row in rows]


async def last_frame_id(database: Database, station_id: str) -> int:
    """Return the id of a station's newest frame; 0 if it has none."""
    row = await database.fetch_one(_LAST, {"station": station_id})
    return 0 if row is None or row["last"] is None else int(row["last"])


async def get_frame(database: Database, station_id: str, frame_id: int) -> Frame:
    """Return one frame of a station. Raises NotFound."""
    row = await database.fetch_one(_ONE, {"wanted": frame_id, "station": station_id})
    if row is None:
        raise NotFound("This message is no longer kept.")
    return msgspec.convert(row, Frame)
