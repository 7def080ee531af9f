"""The message log: every frame of every station, for as long as the settings say."""

from collections.abc import Sequence
from datetime import datetime

from ingufu.infra.storage.database import Database
from ingufu.stations import store
from ingufu.stations.frames import FrameRow

MAX_PAGE = 1000


class Frames:
    """Written beside the path of the messages, never in it: a crash may lose the last half second of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, rows: Sequence[FrameRow]) -> None:
        """Let frames be written soon. Whoever calls has taken the secrets out (`infra.secrets.redact`)."""
        store.append_frames(self._database, rows)

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
        return await store.frames_of(
            self._database,
            station_id,
            since=since,
            until=until,
            transaction=transaction,
            connection_id=connection_id,
            before_id=before_id,
            limit=min(limit, MAX_PAGE),
        )

    async def prune(self, before: datetime) -> None:
        """Delete the frames from before, a portion at a time, so that no station waits for it."""
        while await store.prune_frames(self._database, before):
            pass
