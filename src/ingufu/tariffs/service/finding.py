"""Which tariff prices a session: chosen for its beginning, switched during it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.tariffs import decide
from ingufu.tariffs.events import TariffSwitched
from ingufu.tariffs.feeds import feed_ids
from ingufu.tariffs.model import AppliedTariff, TariffVersion
from ingufu.tariffs.service.desk import NAME_MAX, Desk
from ingufu.tariffs.service.feeds import PriceFeeds
from ingufu.tariffs.service.remembered import Remembered
from ingufu.tariffs.situations import Choice, Offer, Situation, Target
from ingufu.tariffs.store import tariffs as store
from ingufu.tariffs.store.tariffs import Switch

replace = msgspec.structs.replace


class Finding(Desk):
    """The tariff in force at its beginning prices all of a session, until it is switched to another one."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, feeds: PriceFeeds) -> None:
        super().__init__(database, clock, ids, feeds)
        self._remembered = Remembered(database)

    async def version_at(self, tariff_id: str, at: datetime) -> TariffVersion | None:
        """Return the version in force at an instant, or None. Raises NotFound for the tariff."""
        return decide.version_at(await self.versions(tariff_id), at)

    async def applying(self, situation: Situation, at: datetime, *, until: datetime | None = None) -> Choice:
        """Return which tariff prices a session that begins at `at`, with every step of the choice.

        The prices of its feeds are in it, from `at` to `until`, or as far as they are known.
        """
        choice = decide.choose(situation, await self._offers(situation), at)
        if choice.applied is None or not feed_ids(choice.applied.terms):
            return choice
        return replace(choice, applied=await self.applied_span(choice.applied, at, until))

    async def applied_span(
        self, applied: AppliedTariff, since: datetime, until: datetime | None = None
    ) -> AppliedTariff:
        """Return the tariff with the prices of its feeds from `since` to `until`, or as far as they are known."""
        found = feed_ids(applied.terms)
        if not found:
            return applied
        prices = {feed_id: await self._feeds.prices(feed_id, since, until) for feed_id in found}
        return replace(applied, feeds=prices)

    async def of_session(
        self, transaction_id: str, choice: Choice, started_at: datetime, until: datetime | None = None
    ) -> tuple[AppliedTariff, ...]:
        """Return all that prices a session: what was chosen for its beginning, then what it was switched to since."""
        found = [] if choice.applied is None else [await self.applied_span(choice.applied, started_at, until)]
        for switch in await store.switches_of(self._database, transaction_id):
            if until is not None and switch.from_at >= until:
                break
            tariff, version = await self.get(switch.tariff_id), await self.version(switch.tariff_id, switch.version)
            applied = decide.applied(tariff.name, version, from_at=switch.from_at)
            found.append(await self.applied_span(applied, switch.from_at, until))
        return tuple(found)

    async def switch(
        self,
        work: Work,
        transaction_id: str,
        tariff_id: str,
        from_at: datetime,
        *,
        by: str,
        currency: str | None = None,
    ) -> AppliedTariff:
        """Have a charging transaction priced by this tariff from an instant on, by the version in force then.

        `currency` is that of what prices it so far: it cannot change (OCPP 2.1 I12 NoCurrencyChange).
        A repetition changes nothing. Raises NotFound, InvalidInput, and Conflict for a retired tariff or another one at
        the same instant.
        """  # fmt: skip
        held = await self._held(tariff_id)
        if held.tariff.is_retired:
            raise Conflict("The tariff is retired.")
        version = await self.version_at(tariff_id, from_at)
        if version is None:
            raise InvalidInput("The tariff has no version in force at that time.", field="tariff_id")
        known = await store.switches_of(self._database, transaction_id)
        currencies = {currency} if currency is not None else set()
        currencies |= {(await self.version(one.tariff_id, one.version)).terms.currency for one in known}
        if currencies - {version.terms.currency}:
            raise InvalidInput("The currency cannot change during a session.", field="tariff_id")
        wanted = Switch(from_at=from_at, tariff_id=tariff_id, version=version.number)
        made = decide.applied(held.tariff.name, version, from_at=from_at)
        at_once = next((one for one in known if one.from_at == from_at), None)
        if at_once == wanted:
            return made
        if at_once is not None:
            raise Conflict("The session changes to another tariff at this instant already.")
        now = self._clock.now()
        store.add_switch(work, transaction_id, wanted, now, plain(by, NAME_MAX))
        work.emit(
            TariffSwitched(
                occurred_at=now,
                transaction_id=transaction_id,
                tariff_id=tariff_id,
                name=held.tariff.name,
                version=version.number,
                from_at=from_at,
                by=by,
            )
        )
        return made

    async def switches(self, transaction_id: str) -> Sequence[Switch]:
        """Return to what a transaction was switched, and when, the earliest first."""
        return await store.switches_of(self._database, transaction_id)

    def note_use(self, work: Work, applied: AppliedTariff) -> None:
        """Keep that a session was priced by this version: it cannot be withdrawn any more. Repetitions do nothing."""
        store.note_use(work, applied.tariff_id, applied.version, self._clock.now())

    async def _offers(self, situation: Situation) -> Sequence[Offer]:
        places = [place for target in Target if (place := situation.at(target)) is not None]
        return await self._remembered.offers(places)
