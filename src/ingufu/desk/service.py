"""Use cases of saved views: the only door to them for other packages."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.desk import decide, store
from ingufu.desk.model import Arrangement, SavedView
from ingufu.infra.storage.database import Database

MOST = 50  # views of one owner on one page: more than a menu can show


class Person(NamedTuple):
    """For whom views are kept."""

    user_id: str
    organisation_id: str | None
    may_share: bool = False  # with everybody of the organisation


class SavedViews:
    """Views are told apart by their names: a person's own on a page, and those of an organisation."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def on_page(self, person: Person, page: str) -> tuple[tuple[SavedView, ...], str | None]:
        """Return the views that the person has on a page, in order, and the id of the one that opens by itself."""
        views = await store.seen(self._database, person.user_id, person.organisation_id, page)
        if not views:
            return (), None
        arrangement = await store.arrangement(self._database, person.user_id, page)
        known = {view.id for view in views}
        default_id = arrangement.default_id if arrangement.default_id in known else None
        return decide.arranged(views, arrangement), default_id

    async def all(self, person: Person) -> tuple[SavedView, ...]:
        """Return all views that the person has, by page and name."""
        return tuple(await store.seen(self._database, person.user_id, person.organisation_id, None))

    async def get(self, person: Person, view_id: str) -> SavedView:
        """Raises NotFound, also if it is not the person's to see."""
        found = await store.find(self._database, view_id, person.user_id, person.organisation_id)
        if found is None:
            raise NotFound("There is no such saved view.")
        return found

    async def save(self, person: Person, page: str, query: str, name: str, *, is_shared: bool = False) -> SavedView:
        """Return the new view, durable.

        Raises InvalidInput, Conflict if there is one of this name or there are too many, Forbidden.
        """
        if is_shared:
            _check_may_share(person)
        now = self._clock.now()
        view = SavedView(
            id=self._ids.new(),
            user_id=person.user_id,
            organisation_id=person.organisation_id,
            page=page,
            query=query,
            name=decide.checked_name(name),
            is_shared=is_shared,
            created_at=now,
            updated_at=now,
        )
        await self._check_room(view)
        try:
            async with self._database.work() as work:
                store.add(work, view)
        except Conflict as error:
            raise _taken(view) from error
        return view

    async def change(
        self,
        person: Person,
        view_id: str,
        *,
        name: str | None = None,
        query: str | None = None,
        is_shared: bool | None = None,
    ) -> SavedView:
        """Return the view as it is now. Raises NotFound, InvalidInput, Conflict, Forbidden."""
        known = await self._own(person, view_id)
        wanted = msgspec.structs.replace(
            known,
            name=known.name if name is None else decide.checked_name(name),
            query=known.query if query is None else query,
            is_shared=known.is_shared if is_shared is None else is_shared,
            updated_at=self._clock.now(),
        )
        if wanted.is_shared != known.is_shared:
            _check_may_share(person)
            await self._check_room(wanted)
        try:
            async with self._database.work() as work:
                store.change(work, wanted)
        except Conflict as error:
            if await store.find(self._database, view_id, person.user_id, person.organisation_id) is None:
                raise NotFound("There is no such saved view.") from error
            raise _taken(wanted) from error
        return wanted

    async def delete(self, person: Person, view_id: str) -> None:
        """Let the view be gone, for everybody. Raises NotFound, Forbidden."""
        await self._own(person, view_id)
        try:
            async with self._database.work() as work:
                store.remove(work, view_id)
        except Conflict as error:
            raise NotFound("There is no such saved view.") from error

    async def arrange(self, person: Person, page: str, order: Sequence[str]) -> None:
        """Let the person's views of a page be in this order. Raises InvalidInput for ids that are not all theirs."""
        known = {view.id for view in await store.seen(self._database, person.user_id, person.organisation_id, page)}
        if len(set(order)) != len(order) or not known.issuperset(order):
            raise InvalidInput("The order names views that are not on this page.", field="order")
        before = await store.arrangement(self._database, person.user_id, page)
        await self._arrange(msgspec.structs.replace(before, order=tuple(order)))

    async def move(self, person: Person, view_id: str, step: int) -> None:
        """Let a view of the person's be so many places further on. Raises NotFound."""
        view = await self.get(person, view_id)
        views, _ = await self.on_page(person, view.page)
        await self.arrange(person, view.page, decide.moved([one.id for one in views], view_id, step))

    async def set_default(self, person: Person, page: str, view_id: str | None) -> None:
        """Let this view open by itself where the person opens the page; None: the page as it is. Raises NotFound."""
        if view_id is not None and (await self.get(person, view_id)).page != page:
            raise NotFound("There is no such saved view on this page.")
        before = await store.arrangement(self._database, person.user_id, page)
        await self._arrange(msgspec.structs.replace(before, default_id=view_id))

    async def _arrange(self, wanted: Arrangement) -> None:
        async with self._database.work() as work:
            store.arrange(work, wanted)

    async def _own(self, person: Person, view_id: str) -> SavedView:
        """Return a view that the person may change: their own, or a shared one if they may share."""
        view = await self.get(person, view_id)
        if view.user_id != person.user_id:
            _check_may_share(person)
        return view

    async def _check_room(self, view: SavedView) -> None:
        if await store.count(self._database, store.owner_of(view), view.page) >= MOST:
            raise Conflict(f"There are {MOST} views on this page: delete one first.")


def _check_may_share(person: Person) -> None:
    if not person.may_share or person.organisation_id is None:
        raise Forbidden("Views of the organisation are made by those who may change stations.")


def _taken(view: SavedView) -> Conflict:
    whose = "The organisation has" if view.is_shared else "You have"
    return Conflict(f"{whose} a view {view.name!r} on this page already: choose another name.")
