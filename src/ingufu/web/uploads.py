"""Files that people gave to look at first: kept in memory for an hour, each for who gave it."""

from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound
from ingufu.core.ids import IdMaker
from ingufu.importing.sheets import Sheet

KEPT = timedelta(hours=1)
MAX_TOGETHER = 128 * 1024 * 1024  # bytes of all files; the oldest goes


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how it is read."""

    id: str
    owner_id: str
    name: str
    raw: bytes
    sheet: Sheet
    makes_missing: bool
    given_at: datetime


class Uploads:
    """The files of this process. A restart loses them: then the file is given again, and nothing is done twice."""

    def __init__(self, clock: Clock, ids: IdMaker) -> None:
        self._clock = clock
        self._ids = ids
        self._kept: OrderedDict[str, Upload] = OrderedDict()

    def add(self, owner_id: str, name: str, raw: bytes, sheet: Sheet, *, makes_missing: bool) -> Upload:
        """Keep a file."""
        now = self._clock.now()
        for one in tuple(self._kept.values()):
            together = sum(len(kept.raw) for kept in self._kept.values()) + len(raw)
            if now - one.given_at > KEPT or together > MAX_TOGETHER:
                del self._kept[one.id]
        made = Upload(
            id=self._ids.new(),
            owner_id=owner_id,
            name=plain_name(name),
            raw=raw,
            sheet=sheet,
            makes_missing=makes_missing,
            given_at=now,
        )
        self._kept[made.id] = made
        return made

    def get(self, upload_id: str, owner_id: str) -> Upload:
        """Return the file, if the same person gave it. Raises NotFound."""
        found = self._kept.get(upload_id)
        if found is None or found.owner_id != owner_id or self._clock.now() - found.given_at > KEPT:
            raise NotFound("The file is no longer kept. Give it again: rows that are there already stay as they are.")
        return found

    def change(self, upload: Upload, sheet: Sheet, *, makes_missing: bool) -> Upload:
        """Let the file be read in another way."""
        changed = msgspec.structs.replace(upload, sheet=sheet, makes_missing=makes_missing)
        if upload.id in self._kept:
            self._kept[upload.id] = changed
        return changed


def plain_name(name: str) -> str:
    """Return a file's name as it may be shown and kept: its last part, bounded, of characters that can be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:100] or "file.csv"
