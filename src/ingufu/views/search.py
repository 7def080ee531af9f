"""Search over everything: things by their names and numbers, each kind by its own indexes and to whom it is shown.

Large tables (sessions, charge records, documents, drivers, cards) are looked into by key and by how a text begins: a
window of an index, however many rows there are. Small ones (stations, sites, groups, tariffs, users), and names of
drivers up to a bound, are searched for the text anywhere.
"""

import asyncio
from collections.abc import Iterable

from ingufu.infra.storage.database import Database
from ingufu.views.personal import as_seen
from ingufu.views.search_finders import FINDERS, MOST_EACH
from ingufu.views.search_model import Fit, Hit, HitKind, Reach
from ingufu.views.search_sources import SOURCES

_FITS = {fit: place for place, fit in enumerate(Fit)}
_KINDS = {kind: place for place, kind in enumerate(HitKind)}


async def search(  # what is asked, by whom, and when
    database: Database, text: str, reach: Reach, *, year: int, most_each: int = MOST_EACH
) -> tuple[Hit, ...]:
    """Return what fits the text, of each kind so many at most; a kind's best come first, and the kind of the best.

    Names are compared without regard to case. `year` is this one: documents are found by their number in it and in
    the one before.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    asked = [kind for kind in HitKind if kind in reach.kinds]
    found = await asyncio.gather(*(FINDERS[kind](database, wanted, reach, year) for kind in asked))
    ranked = [sorted(_once(hits), key=_rank)[:most_each] for hits in found]
    ranked.sort(key=lambda hits: (_FITS[hits[0].fit], _KINDS[hits[0].kind]) if hits else (len(Fit), 0))
    return tuple(hit for hits in ranked for hit in hits)


async def named(database: Database, wanted: Iterable[tuple[HitKind, str]], reach: Reach) -> tuple[Hit, ...]:
    """Return the things of these kinds and ids that one may see, in this order; those that are gone are left out."""
    by_kind: dict[HitKind, list[str]] = {}
    asked = [(kind, key) for kind, key in wanted if kind in reach.kinds]
    for kind, key in asked:
        by_kind.setdefault(kind, []).append(key)
    found: dict[tuple[HitKind, str], Hit] = {}
    for kind, keys in by_kind.items():
        source = SOURCES[kind]
        rows = await database.select(source.rows.where(source.key.in_(keys), source.is_seen(reach)).limit(len(keys)))
        found |= {(kind, row["id"]): source.hit(row, "", Fit.EXACT) for row in as_seen(reach.site_ids, rows)}
    return tuple(found[key] for key in dict.fromkeys(asked) if key in found)


def _once(hits: list[Hit]) -> list[Hit]:
    return list({hit.id: hit for hit in hits}.values())


def _rank(hit: Hit) -> tuple[int, str]:
    return _FITS[hit.fit], "" if hit.kind is HitKind.SESSION else hit.title.casefold()  # sessions: the newest first
