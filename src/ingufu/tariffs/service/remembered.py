"""What was read of tariffs to choose among them, remembered until anything about tariffs changes anywhere."""

from collections.abc import Sequence

from ingufu.infra.storage.database import Database
from ingufu.tariffs.situations import Offer, Where
from ingufu.tariffs.store import tariffs as store

MAX_PLACES = 5000  # remembered at once; beyond it all is read anew
TRIES = 3  # at reading several places between two changes


class Remembered:
    """Offers by place. Every change counts up a number in the database, and a look at it costs one row.

    So a change is known to every process from its commit on, and none has to hear of it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = -1
        self._offers: dict[Where, tuple[Offer, ...]] = {}

    async def offers(self, places: Sequence[Where]) -> Sequence[Offer]:
        """Return every assignment to one of these places, with its tariff and versions, as of one moment."""
        generation = await store.generation(self._database)
        found, is_new = await self._found(places, generation)
        for _ in range(TRIES):
            if not is_new:
                break
            before, generation = generation, await store.generation(self._database)
            if before == generation:
                break
            found, is_new = await self._found(places, generation)
        return [offer for offers in found for offer in offers]

    async def _found(self, places: Sequence[Where], generation: int) -> tuple[list[tuple[Offer, ...]], bool]:
        """Return the offers of each place, and whether any had to be read."""
        if generation != self._generation or len(self._offers) >= MAX_PLACES:
            self._generation = generation
            self._offers = {}
        memory = self._offers  # of that generation: another one meanwhile has a memory of its own
        found, is_new = [], False
        for place in places:
            offers = memory.get(place)
            if offers is None:
                offers = memory[place] = await store.offers_at(self._database, place)
                is_new = True
            found.append(offers)
        return found, is_new
