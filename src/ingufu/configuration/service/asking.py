"""Asks stations for their variables and sets them, in portions that they take, and joins what they answer."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from ingufu.configuration import decide, standard, store
from ingufu.configuration.decide import Surroundings
from ingufu.configuration.events import VariablesWritten
from ingufu.configuration.model import NOT_SENT, Change, ItemOutcome, Limits, Mutability, Origin, Told, Variable
from ingufu.configuration.service.keeping import Keeping, actual
from ingufu.configuration.service.means import Means
from ingufu.configuration.service.password_sending import NOT_TAKEN, PasswordSending
from ingufu.configuration.service.portions import Asked, ask_all, unsent
from ingufu.core.commands import CALL_TIMEOUT_S, StationLink
from ingufu.core.configuration import (
    ACCEPTED,
    REBOOT_REQUIRED,
    ReadItem,
    ReadResult,
    ReadVariables,
    WriteItem,
    WriteResult,
    WriteVariables,
)
from ingufu.core.errors import (
    InvalidInput,
    StationNotAccepted,
    StationOffline,
    StationTimeout,
    StationUnavailable,
    StationUnsupported,
)
from ingufu.core.variables import VariableName
from ingufu.infra import secrets
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Station

NOT_SAYABLE = "NotSupported"  # the station's version has no word for it, or 1.6 has none for the key

_HOPELESS = (StationOffline, StationTimeout, StationUnsupported, StationNotAccepted)

log = structlog.get_logger(__name__)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and how long an answer may take."""

    link: StationLink
    actor: str | None = None
    timeout_s: float = CALL_TIMEOUT_S


class Asking:
    """Reads and writes values."""

    def __init__(self, means: Means, keeping: Keeping) -> None:
        self._means = means
        self._keeping = keeping

    async def read(self, by: Reading, station: Station, items: Sequence[ReadItem]) -> list[ItemOutcome]:
        """Return what the station answers of each value, and keep it.

        More than it takes at once is asked in portions; a portion that it refuses as too large is halved. Raises
        StationUnavailable if nothing at all could be asked.
        """
        return _unless_failed(await self.try_to_read(by, station, items))

    async def try_to_read(self, by: Reading, station: Station, items: Sequence[ReadItem]) -> Asked[ReadResult]:
        """Do as `read` does, and return also why nothing could be asked."""
        known = actual(await store.variables_of(self._means.database, station.id))
        most = decide.limits(known, "GetVariables")
        unsaid = [item for item in items if not decide.can_say(station.ocpp_version, item.name, item.attribute)]
        said = [item for item in items if item not in unsaid]

        async def ask(batch: Sequence[ReadItem]) -> Sequence[ReadResult]:
            command = ReadVariables(items=tuple(batch))
            return (await by.link.call(station.id, command, timeout_s=by.timeout_s)).items

        portions = decide.batches(said, most, lambda item: decide.wire_size(item.name))
        asked = await ask_all(portions, ask, halves=(InvalidInput,))
        at = self._means.clock.now()
        async with self._means.database.work() as work:
            await self._keep_read(work, station.id, asked.results, at, by.actor)
        silent = [unsent(item, NOT_SAYABLE, _no_word(station)) for item in unsaid]
        return msgspec.structs.replace(asked, outcomes=[*asked.outcomes, *silent])

    async def read_everything(self, by: Reading, station: Station) -> int:
        """Return how many values the station told, all of which are kept (OCPP 1.6 GetConfiguration).

        A station that answers with nothing at all is asked for the keys of the standard by name (quirk 13), one that
        cannot put them into one message for a few at a time (quirk 14). Raises StationUnavailable.
        """
        try:
            found = (await by.link.call(station.id, ReadVariables(), timeout_s=by.timeout_s)).items
        except _HOPELESS:
            raise
        except StationUnavailable as error:
            log.info("configuration.not_read_at_once", station=station.id, error=error.message)
            found = ()
        at = self._means.clock.now()
        if not found:
            names = [standard.of_native_key(key) for key in standard.native_keys()]
            outcomes = await self.read(by, station, [ReadItem(name=name) for name in names])
            return sum(one.is_accepted for one in outcomes)
        async with self._means.database.work() as work:
            await self._keep_read(work, station.id, found, at, by.actor)
        return sum(one.status == ACCEPTED for one in found)

    async def write(
        self, by: Reading, station: Station, items: Sequence[WriteItem], *, is_forced: bool = False
    ) -> list[ItemOutcome]:
        """Return what the station answers of each value, and keep what it took.

        What does not fit the variable, or is known to be dangerous, is not sent unless forced. Raises InvalidInput if
        a value is given twice, or none could be sent as it is, StationUnavailable if nothing at all could be asked.
        """
        return _unless_failed(await self.try_to_write(by, station, items, is_forced=is_forced))

    async def try_to_write(
        self,
        by: Reading,
        station: Station,
        items: Sequence[WriteItem],
        *,
        is_forced: bool = False,
        alone: frozenset[str] = frozenset(),
    ) -> Asked[WriteResult]:
        """Do as `write` does, and return also why nothing could be asked.

        Each value of `alone`, by key, has a message of its own, after the others.
        """
        _check_once(items)
        variables = await store.variables_of(self._means.database, station.id)
        known = actual(variables)
        flaws = {} if is_forced else await self.flaws(station, items, variables)
        outcomes: list[ItemOutcome] = []
        fit: list[WriteItem] = []
        for item in items:
            if not decide.can_say(station.ocpp_version, item.name, item.attribute):
                outcomes.append(unsent(item, NOT_SAYABLE, _no_word(station)))
            elif flaw := flaws.get(_place(item)) or password_flaw(item.name, item.value):
                outcomes.append(unsent(item, NOT_SENT, flaw))
            else:
                fit.append(item)
        asked = await self._send(by, station, fit, known, alone) if fit else Asked[WriteResult]()
        order = {_place(item): number for number, item in enumerate(items)}
        outcomes = sorted((*outcomes, *asked.outcomes), key=lambda one: order.get((one.name.key, one.attribute), 0))
        return msgspec.structs.replace(asked, outcomes=outcomes)

    async def flaws(
        self, station: Station, items: Sequence[WriteItem], variables: Sequence[Variable]
    ) -> dict[tuple[str, str], str]:
        """Return what is wrong with values, or dangerous about them, by key and attribute."""
        known = actual(variables)
        around = await self.surroundings(station, variables, {item.name.key: item.value for item in items})
        found: dict[tuple[str, str], str] = {}
        for item in items:
            is_actual = item.attribute == "Actual"
            longest = decide.family(station.ocpp_version).value_longest
            flaw = decide.flaw(item.name, item.value, known.get(item.name.key) if is_actual else None, longest)
            flaw = flaw or decide.danger(item.name, item.value, around)
            if flaw is not None:
                found[_place(item)] = flaw
        return found

    async def surroundings(
        self, station: Station, variables: Sequence[Variable], to_set: dict[str, str]
    ) -> Surroundings:
        """Return what values of a station are judged against."""
        kept = await store.profiles_of(self._means.database, station.id)
        accepted = [one for one in kept if one.status == ACCEPTED]
        found = decide.around(variables, to_set, max(station.used_security_profile or 0, station.security_profile))
        return msgspec.structs.replace(
            found,
            slots=frozenset(one.slot for one in accepted),
            slot_profiles={one.slot: one.profile.security_profile for one in accepted},
        )

    async def _send(
        self,
        by: Reading,
        station: Station,
        items: Sequence[WriteItem],
        known: dict[str, Variable],
        alone: frozenset[str],
    ) -> Asked[WriteResult]:
        most = decide.limits(known, "SetVariables")
        at_once = decide.family(station.ocpp_version).writes_at_once
        if at_once is not None:
            most = Limits(items=at_once)
        passwords = PasswordSending(self._means, station)

        async def ask(batch: Sequence[WriteItem]) -> Sequence[WriteResult]:
            command = WriteVariables(items=tuple(batch))
            await passwords.offer_values(batch)
            try:
                outcome = await by.link.call(station.id, command, timeout_s=by.timeout_s)
            except NOT_TAKEN:
                await passwords.withdraw_values(batch)
                raise
            written = outcome.items or tuple(
                WriteResult(name=item.name, attribute=item.attribute, status=outcome.status) for item in batch
            )
            await self._keep_written(station, batch, written, by.actor, passwords)
            return written

        together = [item for item in items if item.name.key not in alone]
        portions = decide.batches(together, most, lambda item: decide.wire_size(item.name, item.value))
        portions += [(item,) for item in items if item.name.key in alone]
        return await ask_all(portions, ask, halves=(InvalidInput, StationUnsupported))

    async def _keep_read(
        self, work: Work, station_id: str, results: Sequence[ReadResult], at: datetime, actor: str | None
    ) -> None:
        told = [_told(one) for one in results if one.status == ACCEPTED]
        await self._keeping.tell(work, station_id, told, at, origin=Origin.READ, actor=actor)

    async def _keep_written(
        self,
        station: Station,
        items: Sequence[WriteItem],
        results: Sequence[WriteResult],
        actor: str | None,
        passwords: PasswordSending,
    ) -> None:
        """Keep the attempt, and the value if it was taken, before anything else is asked."""
        at = self._means.clock.now()
        given = {_place(item): item.value for item in items}
        async with self._means.database.work() as work:
            taken = [one for one in results if one.status == ACCEPTED]
            told = [Told(name=one.name, attribute=one.attribute, value=given.get(_place(one))) for one in taken]
            await self._keeping.tell(work, station.id, told, at, origin=Origin.WRITTEN, actor=actor)
            for one in results:
                value = decide.shown(one.name, given.get(_place(one)))
                change = Change(
                    station_id=station.id,
                    at=at,
                    key=one.name.key,
                    attribute=one.attribute,
                    value=value,
                    origin=Origin.WRITTEN,
                    status=one.status,
                    actor=actor,
                )
                store.add_change(work, change)
            await passwords.keep(work, given, results)
            self._note_reboot(work, station, results, at)
            accepted = sum(one.status in (ACCEPTED, REBOOT_REQUIRED) for one in results)
            told_of = tuple(f"{one.name.text}: {one.status}" for one in results)[:50]
            work.emit(
                VariablesWritten(
                    occurred_at=at,
                    station_id=station.id,
                    accepted=accepted,
                    refused=len(results) - accepted,
                    results=told_of,
                    actor=actor,
                )
            )
        await passwords.keep_of_profiles(given, results)

    @staticmethod
    def _note_reboot(work: Work, station: Station, results: Sequence[WriteResult], at: datetime) -> None:
        names = [one.name.text for one in results if one.status == REBOOT_REQUIRED]
        if names:
            reason = f"So that {', '.join(names[:3])} counts."
            store.change_state(work, station.id, reboot_needed_since=at, reboot_reason=reason[:500])


def password_flaw(name: VariableName, value: str) -> str | None:
    """Return why a station could not come in with this password, if it is one; such a one is never sent."""
    return secrets.station_password_flaw(value) if decide.is_password(name) else None


def _unless_failed(asked: Asked[ReadResult] | Asked[WriteResult]) -> list[ItemOutcome]:
    if asked.failure is not None:
        raise asked.failure
    return asked.outcomes


def _no_word(station: Station) -> str:
    return f"OCPP {station.ocpp_version or '1.6'} has no such variable."


def _place(item: WriteItem | WriteResult) -> tuple[str, str]:
    return item.name.key, item.attribute


def _check_once(items: Sequence[WriteItem]) -> None:
    places = [_place(item) for item in items]
    if len(set(places)) < len(places):
        raise InvalidInput("A value stands once among those to set (2.x B05).", field="values")


def _told(one: ReadResult) -> Told:
    mutability = None
    if one.is_readonly is not None:
        mutability = Mutability.READ_ONLY if one.is_readonly else Mutability.READ_WRITE
    defined = standard.of(one.name)
    return Told(
        name=one.name,
        attribute=one.attribute,
        native_key=one.native_key,
        value=one.value,
        mutability=mutability,
        data_type=None if defined is None or one.native_key is None else defined.data_type,
        unit=None if defined is None or one.native_key is None else defined.unit,
    )
