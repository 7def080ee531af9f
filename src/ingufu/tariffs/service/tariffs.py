"""Tariffs: made, changed by new versions, described and retired."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Work
from ingufu.tariffs import decide
from ingufu.tariffs.changes import Change, ChangeKind, differences
from ingufu.tariffs.checking import check_terms
from ingufu.tariffs.events import TariffChanged, TariffCreated, TariffRetired
from ingufu.tariffs.feeds import feed_ids
from ingufu.tariffs.model import Tariff, TariffKind, TariffVersion, Terms
from ingufu.tariffs.service.desk import NAME_MAX, TEXT_MAX, beginning, name_key, numbered
from ingufu.tariffs.service.finding import Finding
from ingufu.tariffs.service.placing import Placing
from ingufu.tariffs.store import tariffs as store

LANGUAGES_MAX = 20

replace = msgspec.structs.replace


class NewTariff(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff to be made."""

    organisation_id: str
    name: str
    terms: Terms
    kind: TariffKind | None = None
    texts: Mapping[str, str] = {}
    valid_from: datetime | None = None  # None: from now on


class Tariffs(Placing, Finding):
    """A change of a tariff is a unit of work by itself: of two at once, the second ends with Conflict at its commit."""

    async def all(self) -> list[Tariff]:
        """Return every tariff, by name."""
        return await store.all_tariffs(self._database)

    async def find_by_name(self, organisation_id: str, name: str) -> Tariff | None:
        """Return the organisation's tariff called so, whatever the case."""
        return await store.find_by_name(self._database, organisation_id, name_key(name))

    async def history(self, tariff_id: str) -> list[Change]:
        """Return what was done to the tariff, by whom and when, the newest first. Raises NotFound."""
        await self._held(tariff_id)
        return await store.history(self._database, tariff_id)

    async def create(self, work: Work, new: NewTariff, *, by: str) -> tuple[Tariff, TariffVersion]:
        """Return the new tariff with its first version.

        Raises InvalidInput with the field, and Conflict if the organisation has one called so already.
        """
        now = self._clock.now()
        name = _name(new.name)
        if await self.find_by_name(new.organisation_id, name) is not None:
            raise Conflict(f"There is a tariff called {name} already.")
        await self.check(new.terms)
        tariff = Tariff(
            id=self._ids.new(),
            organisation_id=new.organisation_id,
            name=name,
            kind=new.kind,
            texts=_texts(new.texts),
            created_at=now,
            updated_at=now,
        )
        version = TariffVersion(
            tariff_id=tariff.id,
            number=1,
            valid_from=beginning(new.valid_from, now),
            terms=new.terms,
            created_at=now,
            created_by=plain(by, NAME_MAX),
        )
        store.add(work, tariff, name_key(name))
        store.add_version(work, version)
        self._note(work, tariff.id, ChangeKind.CREATED, by, version=1)
        work.emit(TariffCreated(occurred_at=now, tariff_id=tariff.id, name=name, by=by))
        return tariff, version

    async def change(
        self, work: Work, tariff_id: str, terms: Terms, *, by: str, valid_from: datetime | None = None
    ) -> TariffVersion:
        """Return the new version that says what the tariff costs from `valid_from` on, or from now on.

        The version before it ends where it begins, and it ends where the next one begins; one that would begin at the
        same later instant is replaced. Raises NotFound, InvalidInput, Conflict for a retired tariff.
        """
        held = await self._held(tariff_id)
        if held.tariff.is_retired:
            raise Conflict("The tariff is retired.")
        await self.check(terms)
        now = self._clock.now()
        known = await store.versions_of(self._database, tariff_id)
        version = TariffVersion(
            tariff_id=tariff_id,
            number=held.last_number + 1,
            valid_from=beginning(valid_from, now),
            terms=terms,
            created_at=now,
            created_by=plain(by, NAME_MAX),
        )
        replaced = [
            one.number
            for one in known
            if one.withdrawn_at is None and one.used_at is None and now < one.valid_from == version.valid_from
        ]
        after = [replace(one, withdrawn_at=now) if one.number in replaced else one for one in known]
        before = decide.version_at(known, version.valid_from)
        self._store_chain(work, known, decide.chained([*after, version]), now)
        self._touch(work, held, replace(held.tariff, updated_at=now), last_number=version.number)
        what = differences(before.terms, terms) if before is not None else ()
        self._note(work, tariff_id, ChangeKind.TERMS, by, version=version.number, what=what)
        self._emit_changed(work, held.tariff, by, version)
        return version

    async def withdraw(self, work: Work, tariff_id: str, number: int, *, by: str) -> TariffVersion:
        """Take back a version that has not begun; the one before it goes on.

        Raises NotFound, and Conflict if it has begun, or a session was priced by it already.
        """
        held = await self._held(tariff_id)
        known = await store.versions_of(self._database, tariff_id)
        found = numbered(known, number)
        now = self._clock.now()
        if found.withdrawn_at is not None:
            return found
        if found.valid_from <= now or found.used_at is not None:
            raise Conflict("This version has begun, and stays. Make a new one instead.")
        withdrawn = replace(found, withdrawn_at=now)
        after = [withdrawn if one.number == number else one for one in known]
        self._store_chain(work, known, decide.chained(after), now)
        self._touch(work, held, replace(held.tariff, updated_at=now))
        self._note(work, tariff_id, ChangeKind.WITHDRAWN, by, version=number)
        self._emit_changed(work, held.tariff, by, withdrawn)
        return withdrawn

    async def describe(
        self,
        work: Work,
        tariff_id: str,
        *,
        by: str,
        name: str | UnsetType = UNSET,
        texts: Mapping[str, str] | UnsetType = UNSET,
    ) -> Tariff:
        """Return the tariff called or described otherwise; what it costs stays.

        Raises NotFound, InvalidInput, Conflict.
        """
        held = await self._held(tariff_id)
        before = held.tariff
        after = replace(
            before,
            name=before.name if name is UNSET else _name(name),
            texts=before.texts if texts is UNSET else _texts(texts),
        )
        what = differences({"name": before.name, "texts": before.texts}, {"name": after.name, "texts": after.texts})
        if not what:
            return before
        namesake = await self.find_by_name(before.organisation_id, after.name)
        if namesake is not None and namesake.id != tariff_id:
            raise Conflict(f"There is a tariff called {after.name} already.")
        after = replace(after, updated_at=self._clock.now())
        self._touch(work, held, after)
        self._note(work, tariff_id, ChangeKind.DESCRIBED, by, what=what)
        self._emit_changed(work, after, by)
        return after

    async def retire(self, work: Work, tariff_id: str, *, by: str) -> Tariff:
        """Let the tariff apply nowhere from now on; sessions that run go on with it. Raises NotFound."""
        held = await self._held(tariff_id)
        if held.tariff.is_retired:
            return held.tariff
        now = self._clock.now()
        for one in await store.assignments_of(self._database, tariff_id):
            if one.valid_from >= now:
                store.remove_assignment(work, one.id)
            elif one.valid_until is None or one.valid_until > now:
                store.change_assignment(work, replace(one, valid_until=now))
        after = replace(held.tariff, is_retired=True, updated_at=now)
        self._touch(work, held, after)
        self._note(work, tariff_id, ChangeKind.RETIRED, by)
        work.emit(TariffRetired(occurred_at=now, tariff_id=tariff_id, name=after.name, by=by))
        return after

    async def restore(self, work: Work, tariff_id: str, *, by: str) -> Tariff:
        """Let a retired tariff be given to things again. Raises NotFound."""
        held = await self._held(tariff_id)
        if not held.tariff.is_retired:
            return held.tariff
        after = replace(held.tariff, is_retired=False, updated_at=self._clock.now())
        self._touch(work, held, after)
        self._note(work, tariff_id, ChangeKind.RESTORED, by)
        self._emit_changed(work, after, by)
        return after

    async def check(self, terms: Terms) -> None:
        """Raise InvalidInput for terms that cannot price anything, or name a feed that is not there."""
        check_terms(terms)
        for feed_id in feed_ids(terms):
            feed = await self._feeds.find(feed_id)
            if feed is None:
                raise InvalidInput("There is no such price feed.", field="feed_id")
            if feed.currency != terms.currency:
                raise InvalidInput(f"The price feed {feed.name} is in {feed.currency}.", field="currency")

    @staticmethod
    def _store_chain(
        work: Work, before: Sequence[TariffVersion], after: Sequence[TariffVersion], now: datetime
    ) -> None:
        """Store withdrawals first, then ends from the last to the first, then what is new: one open end at any time."""
        known = {one.number: one for one in before}
        for one in after:
            if one.number in known and one.withdrawn_at is not None and known[one.number].withdrawn_at is None:
                store.withdraw_version(work, one, now)
        moved = [one for one in after if one.number in known and one.valid_until != known[one.number].valid_until]
        for one in sorted(moved, key=lambda one: one.valid_until is None):
            store.end_version(work, one, one.valid_until)
        for one in after:
            if one.number not in known:
                store.add_version(work, one)

    def _emit_changed(self, work: Work, tariff: Tariff, by: str, version: TariffVersion | None = None) -> None:
        work.emit(
            TariffChanged(
                occurred_at=self._clock.now(),
                tariff_id=tariff.id,
                name=tariff.name,
                version=None if version is None else version.number,
                valid_from=None if version is None else version.valid_from,
                by=by,
            )
        )


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise InvalidInput(f"A tariff needs a name of at most {NAME_MAX} characters.", field="name")
    return name


def _texts(given: Mapping[str, str]) -> dict[str, str]:
    if len(given) > LANGUAGES_MAX:
        raise InvalidInput(f"At most {LANGUAGES_MAX} languages.", field="texts")
    found: dict[str, str] = {}
    for language, text in given.items():
        if not 2 <= len(language) <= 8 or not language.replace("-", "").isalnum() or not language.isascii():
            raise InvalidInput(
                f"“{language[:20]}” is no language (RFC 5646), for instance en, fr or rw.", field="texts"
            )
        if len(text) > TEXT_MAX:
            raise InvalidInput(f"A text has at most {TEXT_MAX} characters.", field="texts")
        if text.strip():
            found[language] = plain(text.strip(), TEXT_MAX)
    return found
