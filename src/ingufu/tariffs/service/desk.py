"""What every use case of tariffs stands on: a tariff as it is held, its history, and instants that may be named."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.tariffs.changes import Change, ChangeKind, Difference
from ingufu.tariffs.model import Tariff, TariffVersion
from ingufu.tariffs.service.feeds import PriceFeeds
from ingufu.tariffs.store import tariffs as store
from ingufu.tariffs.store.tariffs import Held

NAME_MAX = 100
TEXT_MAX = 512  # OCPP 2.x MessageContent
JUST_NOW = timedelta(minutes=2)  # what people mean by "now" when a form took its time
FAR = timedelta(days=3650)


class Desk:
    """A tariff is read, changed and its turn counted up; of two changes at once the second ends with Conflict."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, feeds: PriceFeeds) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._feeds = feeds

    async def get(self, tariff_id: str) -> Tariff:
        """Return the tariff. Raises NotFound."""
        return (await self._held(tariff_id)).tariff

    async def versions(self, tariff_id: str) -> list[TariffVersion]:
        """Return all versions of the tariff by number; withdrawn ones say so. Raises NotFound."""
        await self._held(tariff_id)
        return await store.versions_of(self._database, tariff_id)

    async def version(self, tariff_id: str, number: int) -> TariffVersion:
        """Return a version. Raises NotFound."""
        return numbered(await self.versions(tariff_id), number)

    async def _held(self, tariff_id: str) -> Held:
        found = await store.find(self._database, tariff_id)
        if found is None:
            raise NotFound("There is no such tariff.")
        return found

    def _touch(self, work: Work, held: Held, after: Tariff, *, last_number: int | None = None) -> None:
        store.touch(work, held, after, name_key(after.name), last_number=last_number)

    def _note(
        self,
        work: Work,
        tariff_id: str,
        kind: ChangeKind,
        by: str,
        *,
        version: int | None = None,
        what: tuple[Difference, ...] = (),
    ) -> None:
        at = self._clock.now()
        change = Change(
            tariff_id=tariff_id, at=at, by=plain(by, NAME_MAX), kind=kind, version=version, differences=what
        )
        store.add_change(work, change)


def name_key(name: str) -> str:
    """Return the form under which two names are the same one."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def numbered(versions: Sequence[TariffVersion], number: int) -> TariffVersion:
    found = next((one for one in versions if one.number == number), None)
    if found is None:
        raise NotFound("The tariff has no such version.")
    return found


def beginning(wanted: datetime | None, now: datetime) -> datetime:
    """Return from when something holds. Raises InvalidInput for the past: what was priced stays as it is."""
    if wanted is None or now - JUST_NOW <= wanted <= now:
        return now
    if wanted < now:
        raise InvalidInput("Nothing can be changed for the past: begin now or later.", field="valid_from")
    if wanted - now > FAR:
        raise InvalidInput("That is more than ten years ahead.", field="valid_from")
    return wanted
