"""What was read of tariffs to choose among them, remembered until anything about tariffs changes anywhere."""

from collections.abc import Sequence

from ingufu.infra.storage.database import Database
from ingufu.tariffs.model import Tariff, TariffVersion
from ingufu.tariffs.situations import Offer, Where
from ingufu.tariffs.store import tariffs as store

MAX_PLACES = 2000  # situations remembered at once; beyond it all is read anew


class Remembered:
    """Offers by situation. Every change counts up a number in the database, and a look at it costs one row.

    So a change is known to every process from its commit on, and none has to hear of it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = -1
        self._offers: dict[tuple[Where, ...], tuple[Offer, ...]] = {}

    async def offers(self, places: Sequence[Where]) -> Sequence[Offer]:
        """Return every assignment to one of these places, with its tariff and the tariff's versions."""
        generation = await store.generation(self._database)
        if generation != self._generation or len(self._offers) >= MAX_PLACES:
            self._generation = generation
            self._offers = {}
        key = tuple(places)
        found = self._offers.get(key)
        if found is None:
            memory = self._offers
            found = await self._read(key)
            memory[key] = found  # of that generation: another one meanwhile has a memory of its own
        return found

    async def _read(self, places: Sequence[Where]) -> tuple[Offer, ...]:
        assignments = await store.assignments_to(self._database, places)
        tariff_ids = sorted({one.tariff_id for one in assignments})
        tariffs = {one.id: one for one in await store.tariffs_of(self._database, tariff_ids)}
        versions: dict[str, list[TariffVersion]] = {}
        for version in await store.versions_of_all(self._database, tariff_ids):
            versions.setdefault(version.tariff_id, []).append(version)
        return tuple(
            Offer(assignment=one, tariff=tariff, versions=tuple(versions.get(one.tariff_id, ())))
            for one in assignments
            if (tariff := _of(tariffs, one.tariff_id)) is not None
        )


def _of(tariffs: dict[str, Tariff], tariff_id: str) -> Tariff | None:
    return tariffs.get(tariff_id)
