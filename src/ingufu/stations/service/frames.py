"""The message log: every frame of every station, for as long as the settings say."""

from collections.abc import Sequence
from datetime import datetime

from ingufu.infra.storage.database import Database
from ingufu.stations.frames import FrameChunk, FrameFilter, FrameRow
from ingufu.stations.store import frames as frame_store

MAX_PAGE = 1000


class Frames:
    """Written beside the path of the messages, never in it: a crash may lose the last seconds of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, chunks: Sequence[FrameChunk]) -> None:
        """Let frames be written soon. Whoever calls has taken the secrets out (`infra.secrets.redact`)."""
        frame_store.append(self._database, chunks)

    async def frames_of(
        self,
        station_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        transaction: str | None = None,
        connection_id: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[FrameRow]:
        """Return a station's frames, the newest first; `before_id` is the id of the last one of the page before.

        `since` is included, `until` is not; `transaction` is the station's word for it.
        """
        wanted = FrameFilter(since=since, until=until, transaction=transaction, connection_id=connection_id)
        rows: list[FrameRow] = []
        limit = min(limit, MAX_PAGE)
        while True:
            found = await frame_store.find(
                self._database, wanted, [frame_store.is_of(station_id)], before_id=before_id, limit=limit - len(rows)
            )
            rows += found.rows
            before_id = found.before_id
            if before_id is None or len(rows) == limit:
                return rows
