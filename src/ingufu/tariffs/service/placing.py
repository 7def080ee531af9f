"""Where tariffs apply: they are given to places and people, for a time, and taken from them."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Work
from ingufu.tariffs.changes import ChangeKind, Difference, differences
from ingufu.tariffs.events import TariffAssigned
from ingufu.tariffs.service.desk import JUST_NOW, NAME_MAX, TEXT_MAX, Desk, beginning
from ingufu.tariffs.situations import Assignment, Target, Where
from ingufu.tariffs.store import tariffs as store
from ingufu.tariffs.store.tariffs import Held

replace = msgspec.structs.replace


class Placing(Desk):
    """What has begun to apply somewhere did so for good: it can end, and is never taken back."""

    async def assignment(self, assignment_id: str) -> Assignment:
        """Return an assignment. Raises NotFound."""
        found = await store.find_assignment(self._database, assignment_id)
        if found is None:
            raise NotFound("There is no such assignment of a tariff.")
        return found

    async def assignments(self, tariff_id: str) -> list[Assignment]:
        """Return where the tariff applies, did and will. Raises NotFound."""
        await self._held(tariff_id)
        return await store.assignments_of(self._database, tariff_id)

    async def assign(
        self,
        work: Work,
        tariff_id: str,
        where: Where,
        *,
        by: str,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        note: str = "",
    ) -> Assignment:
        """Return the new assignment: the tariff applies there from now or later on. That the target exists is seen to
        by whoever calls.

        Raises NotFound, InvalidInput, and Conflict if the tariff is retired or applies there already at that time.
        """  # fmt: skip
        held = await self._held(tariff_id)
        if held.tariff.is_retired:
            raise Conflict("The tariff is retired.")
        now = self._clock.now()
        where = replace(where, target_id=where.target_id.strip())
        _check_where(where)
        made = Assignment(
            id=self._ids.new(),
            tariff_id=tariff_id,
            target=where.target,
            target_id=where.target_id,
            evse=where.evse,
            valid_from=beginning(valid_from, now),
            valid_until=valid_until,
            note=plain(note, TEXT_MAX),
            created_at=now,
            created_by=plain(by, NAME_MAX),
        )
        _check_span(made)
        await self._check_free(made)
        store.add_assignment(work, made)
        self._assigned(work, held, made, ChangeKind.ASSIGNED, by, differences({}, _shown(made)))
        return made

    async def reassign(
        self,
        work: Work,
        assignment_id: str,
        *,
        by: str,
        valid_from: datetime | UnsetType = UNSET,
        valid_until: datetime | UnsetType | None = UNSET,
        note: str | UnsetType = UNSET,
    ) -> Assignment:
        """Return the assignment with another beginning, end or note.

        What has begun keeps its beginning, and ends now or later: which tariff applied stays as it was.
        Raises NotFound, InvalidInput, Conflict.
        """
        before = await self.assignment(assignment_id)
        held = await self._held(before.tariff_id)
        now = self._clock.now()
        after = before
        if valid_from is not UNSET and valid_from != before.valid_from:
            if before.valid_from <= now:
                raise Conflict("The tariff applies there already; since when cannot be changed any more.")
            after = replace(after, valid_from=beginning(valid_from, now))
        if valid_until is not UNSET and valid_until != before.valid_until:
            if before.valid_until is not None and before.valid_until <= now:
                raise Conflict("This has ended, and stays. Assign the tariff anew.")
            if valid_until is not None and valid_until < now - JUST_NOW:
                raise InvalidInput("The end must not be in the past.", field="valid_until")
            end = None if valid_until is None else max(valid_until, now if before.valid_from <= now else valid_until)
            after = replace(after, valid_until=end)
        if note is not UNSET:
            after = replace(after, note=plain(note, TEXT_MAX))
        if after == before:
            return before
        _check_span(after)
        await self._check_free(after)
        store.change_assignment(work, after)
        what = differences(_shown(before), _shown(after))
        self._assigned(work, held, after, ChangeKind.REASSIGNED, by, what)
        return after

    async def unassign(self, work: Work, assignment_id: str, *, by: str) -> None:
        """End an assignment now, or take it back if it has not begun. One that has ended stays. Raises NotFound."""
        before = await self.assignment(assignment_id)
        held = await self._held(before.tariff_id)
        now = self._clock.now()
        if before.valid_until is not None and before.valid_until <= now:
            return
        if before.valid_from >= now:
            store.remove_assignment(work, assignment_id)
        else:
            store.change_assignment(work, replace(before, valid_until=now))
        self._assigned(work, held, before, ChangeKind.UNASSIGNED, by, differences(_shown(before), {}))

    async def _check_free(self, wanted: Assignment) -> None:
        """Raise Conflict if the same tariff applies there already, at a time that is meant too."""
        for one in await store.assignments_to(self._database, wanted.where):
            if one.tariff_id == wanted.tariff_id and one.id != wanted.id and _overlap(one, wanted):
                raise Conflict("The tariff applies there already at that time.")

    def _assigned(  # what an entry of the history is made of
        self,
        work: Work,
        held: Held,
        made: Assignment,
        kind: ChangeKind,
        by: str,
        what: tuple[Difference, ...],
    ) -> None:
        self._touch(work, held, replace(held.tariff, updated_at=self._clock.now()))
        self._note(work, made.tariff_id, kind, by, what=what)
        work.emit(
            TariffAssigned(
                occurred_at=self._clock.now(),
                tariff_id=made.tariff_id,
                name=held.tariff.name,
                assignment_id=made.id,
                target=made.target.value,
                target_id=made.target_id,
                evse=made.evse,
                by=by,
            )
        )


def _check_where(where: Where) -> None:
    is_everyone = where.target is Target.EVERYONE
    if is_everyone is bool(where.target_id) or len(where.target_id) > NAME_MAX:
        raise InvalidInput("Name what the tariff is for; for everyone, nothing.", field="target_id")
    if where.target is Target.PLAN and not where.target_id.isprintable():
        raise InvalidInput("It has characters that cannot be shown.", field="target_id")
    if (where.target is Target.EVSE) is (where.evse is None):
        raise InvalidInput("An EVSE is named by its station and its number; nothing else has one.", field="evse")
    if where.evse is not None and not 0 < where.evse < 2**31:
        raise InvalidInput("There is no such EVSE.", field="evse")


def _check_span(assignment: Assignment) -> None:
    if assignment.valid_until is not None and assignment.valid_until <= assignment.valid_from:
        raise InvalidInput("It would end before it begins.", field="valid_until")


def _overlap(one: Assignment, other: Assignment) -> bool:
    starts_in_time = other.valid_until is None or one.valid_from < other.valid_until
    ends_in_time = one.valid_until is None or other.valid_from < one.valid_until
    return starts_in_time and ends_in_time


def _shown(assignment: Assignment) -> dict[str, object]:
    names = ("target", "target_id", "evse", "valid_from", "valid_until", "note")
    return {name: value for name in names if (value := getattr(assignment, name)) not in ("", None)}
