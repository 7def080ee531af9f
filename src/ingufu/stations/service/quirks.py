"""Which quirks hold for a station, how often each was met, and what was learnt about models."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations import store
from ingufu.stations.model import Station
from ingufu.stations.quirks import choosing
from ingufu.stations.quirks.model import NO_EFFECTS, Chosen, Effects, Facts, Group, Meeting, Quirk, Why, merge

REMEMBERED = 4096  # kinds of stations: vendor, model, firmware and what is switched


class StationQuirk(msgspec.Struct, frozen=True, kw_only=True):
    """A quirk as it stands for one station."""

    number: int
    group: Group
    title: str
    who: str
    odd: str
    cope: str
    reference: str
    is_general: bool
    is_active: bool  # it is coped with for this station
    why: Why
    switched: bool | None = None  # by an operator; None: chosen by what the station is
    count: int = 0  # times met
    first_at: datetime | None = None
    last_at: datetime | None = None
    lesson: str | None = None  # what was learnt about the model


class Quirks:
    """Counts in memory and writes behind, so that a quirk that is met with every message costs nearly nothing."""

    def __init__(self, database: Database, clock: Clock, catalogue: tuple[Quirk, ...]) -> None:
        self._database = database
        self.clock = clock
        self.catalogue = catalogue
        self.totals: Counter[str] = Counter()  # by number, since the start
        self._met: dict[tuple[str, int], Meeting] = {}  # not yet written
        self._effects: dict[tuple[object, ...], Effects] = {}
        self._lessons: dict[tuple[str, str], str] = {}  # by vendor and model
        self._is_early = choosing.is_like_any(
            match.identity for quirk in catalogue for match in quirk.match if match.identity is not None
        )

    def get(self, number: int) -> Quirk:
        """Raises NotFound."""
        for quirk in self.catalogue:
            if quirk.number == number:
                return quirk
        raise NotFound(f"There is no quirk {number}.")

    def chosen(self, station: Station, user_agent: str | None = None) -> tuple[Chosen, ...]:
        """Return the quirks that hold for the station by what is known of it."""
        return choosing.choose(self.catalogue, _facts(station, user_agent))

    def effects(self, station: Station, user_agent: str | None = None) -> Effects:
        """Return what is done for the station; the same for all of one model."""
        identity = station.identity if self._is_early(station.identity) else ""
        switched = tuple(sorted(station.quirks.items())) if station.quirks else ()
        key = (identity, station.vendor, station.model, station.firmware_version, user_agent, switched)
        effects = self._effects.get(key)
        if effects is None:
            if len(self._effects) >= REMEMBERED:
                self._effects.clear()
            chosen = self.chosen(station, user_agent)
            effects = merge(chosen) if chosen else NO_EFFECTS
            self._effects[key] = effects
        return effects

    def met(self, station_id: str, number: int) -> None:
        """Count that the station showed the quirk now; written within seconds, and lost in a crash."""
        now = self.clock.now()
        self.totals[str(number)] += 1
        before = self._met.get((station_id, number))
        self._met[station_id, number] = Meeting(
            station_id=station_id,
            number=number,
            count=1 if before is None else before.count + 1,
            first_at=now if before is None else before.first_at,
            last_at=now,
        )

    def flush(self) -> None:
        """Let what was counted be written soon."""
        if self._met:
            met, self._met = self._met, {}
            store.add_meetings(self._database, [msgspec.structs.asdict(one) for one in met.values()])

    async def recall(self) -> None:
        """Read what was learnt about models before."""
        for row in await store.find_lessons(self._database):
            self._lessons[row["vendor"], row["model"]] = row["lesson"]

    def learn(self, station: Station, number: int, lesson: str) -> None:
        """Keep what was learnt about the station's model; the newest counts."""
        key = ((station.vendor or "").casefold(), (station.model or "").casefold())
        self._lessons[key] = lesson
        row = {"vendor": key[0], "model": key[1], "number": number, "lesson": lesson, "at": self.clock.now()}
        store.save_lesson(self._database, row)

    def lesson(self, station: Station) -> str | None:
        """Return what was learnt about the station's model."""
        return self._lessons.get(((station.vendor or "").casefold(), (station.model or "").casefold()))

    async def of(self, station: Station, user_agent: str | None = None) -> list[StationQuirk]:
        """Return the quirks that hold for the station, that it showed, or that were switched for it, by number."""
        await self.recall()
        chosen = {one.quirk.number: one.why for one in self.chosen(station, user_agent)}
        meetings = {one.number: one for one in await store.meetings_of(self._database, station.id)}
        switched: Mapping[str, bool] = station.quirks or {}
        wanted = chosen.keys() | meetings.keys() | {int(number) for number in switched}
        return [
            self._seen(quirk, station, chosen.get(quirk.number), meetings.get(quirk.number))
            for quirk in self.catalogue
            if quirk.number in wanted
        ]

    async def totals_stored(self) -> dict[int, tuple[int, int]]:
        """Return by number how many stations showed a quirk, and how often."""
        return await store.meeting_totals(self._database)

    def _seen(self, quirk: Quirk, station: Station, why: Why | None, meeting: Meeting | None) -> StationQuirk:
        switched = (station.quirks or {}).get(str(quirk.number))
        return StationQuirk(
            number=quirk.number,
            group=quirk.group,
            title=quirk.title,
            who=quirk.who,
            odd=quirk.odd,
            cope=quirk.cope,
            reference=quirk.reference,
            is_general=quirk.is_general,
            is_active=why is not None or (quirk.is_general and switched is not False),
            why=why or (Why.MET if switched is None else Why.OPERATOR),
            switched=switched,
            count=0 if meeting is None else meeting.count,
            first_at=None if meeting is None else meeting.first_at,
            last_at=None if meeting is None else meeting.last_at,
            lesson=self.lesson(station) if quirk.does.learns_zero_limit else None,
        )


def switched_after(station: Station, number: int, *, is_on: bool | None) -> dict[str, bool] | None:
    """Return what is switched for the station when this quirk is, None for a station for which nothing is."""
    others = {key: value for key, value in (station.quirks or {}).items() if key != str(number)}
    if is_on is not None:
        others[str(number)] = is_on
    return others or None


def _facts(station: Station, user_agent: str | None) -> Facts:
    return Facts(
        identity=station.identity,
        vendor=station.vendor,
        model=station.model,
        firmware=station.firmware_version,
        user_agent=user_agent,
        switched=station.quirks,
    )
