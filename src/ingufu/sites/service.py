"""Use cases of sites: the only door to them for other packages."""

import re
import unicodedata
from typing import Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.tenures import Tenure
from ingufu.infra.storage.database import Database, Work
from ingufu.sites import store
from ingufu.sites.countries import COUNTRIES
from ingufu.sites.model import Site

_LONGEST = {"name": 100, "address": 200, "city": 100}
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}")


class SiteFields(TypedDict, total=False):
    """What people enter about a site."""

    name: str
    address: str
    city: str
    country: str
    latitude: float | None
    longitude: float | None
    time_zone: str


_ENTERED = frozenset(SiteFields.__annotations__)


class Sites:
    """Sites are told apart by their name, whatever its case, so that files can name them."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def all(self) -> list[Site]:
        """Return every site, by name."""
        return await store.all_sites(self._database)

    async def get(self, site_id: str) -> Site:
        """Raises NotFound."""
        site = await store.by_id(self._database, site_id)
        if site is None:
            raise NotFound(f"There is no site {site_id!r}.")
        return site

    async def ids_of(self, organisation_id: str) -> frozenset[str]:
        """Return the ids of the sites that the organisation owns."""
        return await store.ids_of(self._database, organisation_id)

    async def tenures_of(self, organisation_id: str) -> tuple[Tenure, ...]:
        """Return in which time each site is and was the organisation's."""
        return await store.tenures_of(self._database, organisation_id)

    def hand_over(self, work: Work, site_id: str, *, former_id: str, organisation_id: str) -> None:
        """Give the site of one organisation to another now; Conflict at the commit unless it is still the former's."""
        now = self._clock.now()
        store.hand_over(work, site_id, former_id, organisation_id)
        store.end(work, site_id, now)
        store.begin(work, self._ids.new(), site_id, organisation_id, now)

    @staticmethod
    def stays_with(work: Work, site: Site) -> None:
        """Have the unit rest on whose the site is: Conflict at the commit if it changed hands meanwhile."""
        store.hand_over(work, site.id, site.organisation_id, site.organisation_id)

    async def find_by_name(self, name: str) -> Site | None:
        """Return the site called so."""
        return await store.by_name(self._database, name_key(name))

    async def create(self, work: Work, *, organisation_id: str, **fields: Unpack[SiteFields]) -> Site:
        """Return the new site.

        Raises InvalidInput, and Conflict if a site is called so already (at the commit, if it came meanwhile).
        """
        site = self._new(organisation_id, fields)
        if await self.find_by_name(site.name) is not None:
            raise Conflict(f"There is a site called {site.name} already.")
        store.add(work, site, name_key(site.name), self._ids.new())
        return site

    async def put(self, work: Work, *, organisation_id: str, **fields: Unpack[SiteFields]) -> Site:
        """Return the site of this name, made or changed so that it is as given; a repetition changes nothing.

        Raises InvalidInput.
        """
        known = await self.find_by_name(fields.get("name", ""))
        if known is not None:
            return self._change(work, known, fields)
        site = self._new(organisation_id, fields)
        store.add(work, site, name_key(site.name), self._ids.new())
        return site

    async def update(self, work: Work, site_id: str, **changes: Unpack[SiteFields]) -> Site:
        """Return the site with the changes made. Raises NotFound, InvalidInput, Conflict if the name is taken."""
        site = await self.get(site_id)
        namesake = await self.find_by_name(changes.get("name", site.name))
        if namesake is not None and namesake.id != site_id:
            raise Conflict(f"There is a site called {namesake.name} already.")
        return self._change(work, site, changes)

    async def delete(self, work: Work, site_id: str) -> None:
        """Let the site be gone; whoever calls has seen that no station stands there. Raises NotFound."""
        await self.get(site_id)
        store.end(work, site_id, self._clock.now())
        store.remove(work, site_id)

    def _new(self, organisation_id: str, fields: SiteFields) -> Site:
        values: dict[str, Any] = {"name": "", **_known(fields)}
        now = self._clock.now()
        return _checked(Site(id=self._ids.new(), organisation_id=organisation_id, created_at=now, **values))

    @staticmethod
    def _change(work: Work, site: Site, fields: SiteFields) -> Site:
        after = _checked(msgspec.structs.replace(site, **_known(fields)))
        values = {name: getattr(after, name) for name in _ENTERED if getattr(after, name) != getattr(site, name)}
        if "name" in values:
            values["name_key"] = name_key(after.name)
        if values:
            store.change(work, site.id, values)
        return after


def name_key(name: str) -> str:
    """Return the form under which two names of sites are the same one."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def _known(fields: SiteFields) -> dict[str, Any]:
    unknown = fields.keys() - _ENTERED
    if unknown:
        raise InvalidInput(f"A site has no {', '.join(sorted(unknown))} to enter.", field=min(unknown))
    return dict(fields)


def _checked(site: Site) -> Site:
    """Return the site in the form in which it is kept. Raises InvalidInput for what no site can be."""
    site = msgspec.structs.replace(site, name=site.name.strip(), country=site.country.upper())
    if not site.name:
        raise InvalidInput("A site has a name.", field="name")
    for name, longest in _LONGEST.items():
        text: str = getattr(site, name)
        if len(text) > longest or not text.replace("\n", "").isprintable():
            raise InvalidInput(f"{name} has at most {longest} printable characters.", field=name)
    if site.country and site.country not in COUNTRIES:
        raise InvalidInput("A country is named by its two letters, such as KE or DE.", field="country")
    _check_place(site.latitude, site.longitude)
    if not is_time_zone(site.time_zone):
        raise InvalidInput("A time zone is named as in the IANA database, such as Africa/Nairobi.", field="time_zone")
    return site


def _check_place(latitude: float | None, longitude: float | None) -> None:
    if (latitude is None) != (longitude is None):
        raise InvalidInput("A place has a latitude and a longitude, or neither.", field="latitude")
    if latitude is not None and not -90 <= latitude <= 90:  # also refuses what is no number
        raise InvalidInput("A latitude lies between -90 and 90 degrees.", field="latitude")
    if longitude is not None and not -180 <= longitude <= 180:
        raise InvalidInput("A longitude lies between -180 and 180 degrees.", field="longitude")


def is_time_zone(name: str) -> bool:
    """Return whether the IANA database has a time zone of this name."""
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError; OSError: "Africa" is a folder
        return False
    return True
