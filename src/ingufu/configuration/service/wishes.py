"""What is desired of stations: templates, wishes for single ones, and what of it counts where."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ingufu.configuration import decide, desired, standard, store
from ingufu.configuration.events import DesiredChanged, DriftChanged
from ingufu.configuration.model import (
    DesiredChange,
    OwnerKind,
    StationState,
    Template,
    TemplateFields,
    Wanted,
    Wish,
)
from ingufu.configuration.service.asking import Asking, password_flaw
from ingufu.configuration.service.keeping import actual
from ingufu.configuration.service.means import Means
from ingufu.core import variables
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Approval, Station

NAME_LONGEST = 100
NOTE_LONGEST = 2000
TEXT_LONGEST = 200
MOST_WISHES = 500  # of one station or template
PRIORITY_MOST = 1_000_000


class Wishes:
    """Templates and wishes. Stations are not asked for anything here; they are when they are looked after."""

    def __init__(self, means: Means, asking: Asking) -> None:
        self._means = means
        self._asking = asking

    # Templates

    async def templates(self) -> list[Template]:
        return await store.all_templates(self._means.database)

    async def template(self, template_id: str) -> Template:
        """Raises NotFound."""
        found = await store.template(self._means.database, template_id)
        if found is None:
            raise NotFound(f"There is no template {template_id!r}.")
        return found

    async def create_template(self, work: Work, fields: TemplateFields) -> Template:
        """Return the new template, without values. Raises InvalidInput; Conflict at the commit if the name is taken."""
        _check_fields(fields)
        at = self._means.clock.now()
        created = Template(id=self._means.ids.new(), created_at=at, changed_at=at, **msgspec.structs.asdict(fields))
        store.save_template(work, created)
        await self._touch(work, created)
        return created

    async def change_template(self, work: Work, template_id: str, fields: TemplateFields) -> Template:
        """Return the template with these fields. Raises NotFound, InvalidInput; Conflict at the commit."""
        _check_fields(fields)
        before = await self.template(template_id)
        after = msgspec.structs.replace(before, changed_at=self._means.clock.now(), **msgspec.structs.asdict(fields))
        store.save_template(work, after)
        await self._touch(work, before, after)
        return after

    async def remove_template(self, work: Work, template_id: str) -> None:
        """Remove the template; values it has set at stations stay there. Raises NotFound."""
        before = await self.template(template_id)
        await self._touch(work, before)
        store.remove_template(work, template_id)

    async def members(self, template_id: str) -> list[str]:
        """Return the stations that were given the template by hand."""
        return await store.members_of(self._means.database, template_id)

    async def give(self, work: Work, template_id: str, station_ids: Iterable[str], actor: str | None = None) -> None:
        """Give the template to stations by hand; from then on it counts there before any other one. Raises NotFound."""
        found = await self.template(template_id)
        for station_id in station_ids:
            store.add_member(work, template_id, station_id)
            store.make_stale(work, station_id)
            self._tell(work, station_id, (found.name,), actor)

    async def take_back(
        self, work: Work, template_id: str, station_ids: Iterable[str], actor: str | None = None
    ) -> None:
        """Take the template from stations that were given it by hand. Raises NotFound."""
        found = await self.template(template_id)
        for station_id in station_ids:
            store.remove_member(work, template_id, station_id)
            store.make_stale(work, station_id)
            self._tell(work, station_id, (found.name,), actor)

    # Wishes

    async def wishes_of(self, owner_kind: OwnerKind, owner_id: str) -> list[Wish]:
        return await store.wishes_of(self._means.database, owner_kind.value, owner_id)

    async def desire(self, work: Work, station_id: str, changes: Sequence[DesiredChange], *, actor: str = "") -> None:
        """Desire these values of a station from now on, before what any template says; None takes a wish away.

        They are set when the station is next looked after: soon if it is connected, else after it has come. A wish
        that is as it was changes nothing. Raises NotFound, InvalidInput.
        """
        await self._means.stations.get(station_id)
        changed = await self._change(work, OwnerKind.STATION, station_id, changes, actor)
        if changed:
            store.make_stale(work, station_id)
            self._tell(work, station_id, changed, actor)

    async def desire_of_template(
        self, work: Work, template_id: str, changes: Sequence[DesiredChange], *, actor: str = ""
    ) -> None:
        """Let a template wish these values. Raises NotFound, InvalidInput."""
        before = await self.template(template_id)
        for change in changes:
            if decide.is_password(change.name) and change.value is not None:
                raise InvalidInput("Each station has a password of its own: set it for the station.", field="values")
        if await self._change(work, OwnerKind.TEMPLATE, template_id, changes, actor):
            store.save_template(work, msgspec.structs.replace(before, changed_at=self._means.clock.now()))
            await self._touch(work, before)

    async def _change(
        self, work: Work, kind: OwnerKind, owner_id: str, changes: Sequence[DesiredChange], actor: str
    ) -> tuple[str, ...]:
        known = {wish.key: wish for wish in await self.wishes_of(kind, owner_id)}
        added = {change.name.key for change in changes if change.value is not None}
        if len(known.keys() | added) > MOST_WISHES:
            raise InvalidInput(f"At most {MOST_WISHES} values are desired in one place.", field="values")
        changed: list[str] = []
        for change in changes:
            wish = known.get(change.name.key)
            if change.value is None:
                if wish is not None:
                    store.remove_wish(work, kind.value, owner_id, wish.key)
                    changed.append(wish.name.text)
                continue
            if wish is not None and not wish.is_secret and wish.value == change.value:
                continue
            store.save_wish(work, self._wish(kind, owner_id, change, actor))
            changed.append(change.name.text)
        return tuple(changed)

    def _wish(self, kind: OwnerKind, owner_id: str, change: DesiredChange, actor: str) -> Wish:
        value = change.value or ""
        variables.check(change.name)
        flaw = decide.flaw(change.name, value, None) or password_flaw(change.name, value)
        if flaw is not None:
            raise InvalidInput(f"{change.name.text}: {flaw}", field="values")
        is_secret = standard.is_secret(change.name)
        key = change.name.key
        return Wish(
            owner_kind=kind,
            owner_id=owner_id,
            key=key,
            name=change.name,
            value=None if is_secret else value,
            sealed=self._means.vault.seal(value, f"{owner_id}/{key}") if is_secret else None,
            is_secret=is_secret,
            changed_at=self._means.clock.now(),
            changed_by=actor[:200],
        )

    def opened(self, wanted: Wanted) -> str:
        """Return the value to set. Raises Unavailable if a secret cannot be read."""
        if wanted.sealed is None:
            return wanted.value or ""
        return self._means.vault.open(wanted.sealed, f"{wanted.source_id}/{wanted.key}")

    # What counts

    async def wanted(self, station_id: str) -> list[Wanted]:
        """Return the value that counts for each desired variable of a station, and where it stands."""
        return await store.wanted_of(self._means.database, station_id)

    async def reassess(self, station_id: str, *, is_being_set: bool = False) -> StationState:
        """Work out anew what counts for a station and whether it is as desired; return its state then.

        What is not is set soon, unless somebody is at it. Raises NotFound.
        """
        database, now = self._means.database, self._means.clock.now()
        station = await self._means.stations.get(station_id)
        state = await store.state_of(database, station_id)
        before = {one.key: one for one in await self.wanted(station_id)}
        after = await self._judged(station, before, now)
        async with database.work() as work:
            for one in after:
                if before.get(one.key) != one:
                    store.save_wanted(work, one)
            for key in sorted(before.keys() - {one.key for one in after}):
                store.remove_wanted(work, station_id, key)
            return self._settle(work, station, state, after, is_being_set=is_being_set)

    async def _judged(self, station: Station, before: dict[str, Wanted], now: datetime) -> list[Wanted]:
        if station.approval is not Approval.APPROVED:
            return []  # nothing is desired of a station that is not ours
        database = self._means.database
        counting = desired.counting(
            station,
            await self.templates(),
            await store.chosen_for(database, station.id),
            await store.wishes_for(database, station.id),
        )
        if not counting:
            return []
        known = await store.variables_of(database, station.id)
        values = {key: wish.value for key, (wish, _, _) in counting.items() if wish.value is not None}
        around = await self._asking.surroundings(station, known, values)
        actually = actual(known)
        untouched = self._means.stations.quirks.effects(station).does.untouched_keys
        marks = {key: desired.mark(wish, station, untouched) for key, (wish, _, _) in counting.items()}
        return [
            desired.judge(
                _wanted(station, counting[key], before.get(key), marks[key], now), actually.get(key), station, around
            )
            for key in sorted(counting)
        ]

    def _settle(
        self, work: Work, station: Station, state: StationState, after: Sequence[Wanted], *, is_being_set: bool
    ) -> StationState:
        now = self._means.clock.now()
        drift = desired.drift(after)
        due_at = state.due_at
        rules = self._means.rules
        waiting = [
            one
            for one in after
            if (rules.repairs_drift or (rules.applies_desired and not one.status))
            and (desired.is_due(one, now) or one.next_at is not None)
        ]
        if waiting and not is_being_set:
            first = min(now if desired.is_due(one, now) else one.next_at or now for one in waiting)
            due_at = first if due_at is None else min(first, due_at)
        changed = msgspec.structs.replace(state, is_stale=False, drift=drift, wishes=len(after), due_at=due_at)
        if changed != state:
            store.change_state(work, station.id, is_stale=False, drift=drift, wishes=len(after), due_at=due_at)
        if drift != state.drift:
            work.emit(DriftChanged(occurred_at=now, station_id=station.id, before=state.drift, after=drift))
        return changed

    async def _touch(self, work: Work, *of: Template) -> None:
        """Have it worked out anew what counts for every station that one of these templates is for."""
        members = set(await self.members(of[0].id))
        stale = [
            station.id
            for station in await self._means.stations.all()
            if any(desired.applies(one, station, is_chosen=station.id in members) for one in of)
        ]
        store.make_stale(work, *stale)

    def _tell(self, work: Work, station_id: str, changed: tuple[str, ...], actor: str | None) -> None:
        work.emit(
            DesiredChanged(
                occurred_at=self._means.clock.now(),
                station_id=station_id,
                owner="station",
                changed=changed[:50],
                actor=actor or None,
            )
        )


def _wanted(
    station: Station, counting: tuple[Wish, Template | None, str], before: Wanted | None, mark: str, now: datetime
) -> Wanted:
    """Return the value that counts, with what is known of earlier tries if it is still the same one."""
    wish, template, why = counting
    fresh = Wanted(
        station_id=station.id,
        key=wish.key,
        name=wish.name,
        value=wish.value,
        sealed=wish.sealed,
        is_secret=wish.is_secret,
        mark=mark,
        source_kind=wish.owner_kind,
        source_id=wish.owner_id,
        source_name="" if template is None else template.name,
        why=why,
        changed_at=now,
    )
    if before is None or not desired.is_same_story(before, mark):
        return fresh
    kept = ("state", "reported", "status", "reason", "tries", "asked_at", "next_at", "changed_at")
    return msgspec.structs.replace(fresh, **{name: getattr(before, name) for name in kept})


def _check_fields(fields: TemplateFields) -> None:
    if not fields.name.strip() or len(fields.name) > NAME_LONGEST:
        raise InvalidInput(f"A template's name has 1 to {NAME_LONGEST} characters.", field="name")
    if len(fields.note) > NOTE_LONGEST:
        raise InvalidInput(f"A note has at most {NOTE_LONGEST} characters.", field="note")
    if abs(fields.priority) > PRIORITY_MOST:
        raise InvalidInput(f"A priority lies between -{PRIORITY_MOST} and {PRIORITY_MOST}.", field="priority")
    for name in ("vendor", "model", "firmware"):
        if len(getattr(fields, name) or "") > TEXT_LONGEST:
            raise InvalidInput(f"This has at most {TEXT_LONGEST} characters.", field=name)
    if fields.version not in {None, *decide.FAMILIES}:
        raise InvalidInput(f"A version is one of {', '.join(decide.FAMILIES)}.", field="version")
