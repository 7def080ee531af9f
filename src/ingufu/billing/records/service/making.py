"""What a session's price is made of, gathered: who, where, what was used, and the tariffs that price it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from ingufu.billing.records import decide, store
from ingufu.billing.records.currents import total_current
from ingufu.billing.records.folding import Fault, Reading, common_faults, faults_of, usage_of
from ingufu.billing.records.model import ChargeRecord, Snapshot
from ingufu.charging.figures import summarise
from ingufu.charging.model import EventFacts, MeterReading, Transaction, TransactionEvent, TransactionReport
from ingufu.charging.service import Charging
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database, Row
from ingufu.reservations.model import Reservation
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.priced import RoundingRule
from ingufu.tariffs.service import Tariffs
from ingufu.tariffs.situations import Choice, Situation, kind_of_session
from ingufu.tariffs.usage import Activity, ReservedTime, Stretch, Usage

_OUT_OF_ORDER = frozenset({"faulted", "unavailable"})
replace = msgspec.structs.replace

RoundingOf: TypeAlias = Callable[[str | None, str], Awaitable[RoundingRule]]
"""How whoever sells at a site, or else for an organisation, rounds amounts."""


async def round_as_usual(_site_id: str | None, _organisation_id: str) -> RoundingRule:
    """Return the rule where no seller has one of its own."""
    return RoundingRule()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session takes place, and whose revenue it is: the operator's, whoever owns the ground."""

    station_id: str
    station_identity: str = ""
    site_id: str | None = None
    site_name: str = ""
    organisation_id: str
    address: str = ""
    city: str = ""
    country: str = ""
    time_zone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    meter_serial: str | None = None
    rounding: RoundingRule = RoundingRule()  # of who sells there


class Making:
    """Reads what charge records and running costs are made of. Writes nothing."""

    def __init__(
        self, database: Database, charging: Charging, tariffs: Tariffs, rounding: RoundingOf = round_as_usual
    ) -> None:
        self._database = database
        self._charging = charging
        self._tariffs = tariffs
        self._rounding = rounding

    async def place(self, station_id: str) -> Place:
        """Return where a station stands. Raises NotFound if there is no operator whose revenue it could be."""
        row: Row = await store.find_context(self._database, station_id) or {}
        known = {name: value for name, value in row.items() if value is not None}
        operator = await store.find_operator(self._database)
        if operator is None:
            raise NotFound("There is no operator whose revenue this could be.")
        rounding = await self._rounding(known.get("site_id"), operator)
        return Place(station_id=station_id, organisation_id=operator, rounding=rounding, **known)

    async def choose(self, transaction: Transaction, place: Place) -> Choice:
        """Return which tariff prices a transaction, by what was so when it began, with every step of the choice."""
        situation = Situation(
            station_id=transaction.station_id,
            evse=transaction.evse,
            site_id=place.site_id,
            driver_id=transaction.driver_id,
            group_id=transaction.group_id,
            plan=await store.find_plan(self._database, transaction.driver_id, transaction.started_at),
            kind=kind_of_session(transaction.token_kind, is_known=_is_known(transaction)),
        )
        return await self._tariffs.applying(situation, transaction.started_at, until=transaction.ended_at)

    async def tariffs(self, transaction: Transaction, place: Place) -> tuple[AppliedTariff, ...]:
        """Return what prices a transaction: the tariff of its beginning, then those it was switched to. Maybe none."""
        choice = await self.choose(transaction, place)
        return await self._tariffs.of_session(
            transaction.id, choice, transaction.started_at, until=transaction.ended_at
        )

    async def tariffs_anew(
        self, transaction: Transaction, place: Place, standing: ChargeRecord
    ) -> tuple[AppliedTariff, ...]:
        """Return what prices a transaction that has a record: what did so far, whatever changed of tariffs since.

        It is chosen anew, by what was so when the session began, if that was at another time or place or by somebody
        else than the record says; unless a person chose it. A longer session has the later prices of feeds as well.
        """
        is_kept = standing.is_tariff_by_hand or decide.is_chosen_alike(standing, transaction)
        if is_kept and decide.spans(standing, transaction):
            return standing.tariffs
        began_at, ended_at = transaction.started_at, transaction.ended_at
        if standing.is_tariff_by_hand:
            own = standing.tariffs
            longer = [await self._tariffs.applied_span(one, one.from_at or began_at, ended_at) for one in own]
            return decide.with_frozen_prices(standing, longer)
        choice = Choice()
        if not is_kept:
            choice = await self.choose(transaction, replace(place, site_id=standing.snapshot.site_id))
        if choice.applied is None:
            choice = Choice(applied=next((one for one in standing.tariffs if one.from_at is None), None))
        found = await self._tariffs.of_session(transaction.id, choice, began_at, until=ended_at)
        return decide.with_frozen_prices(standing, found or standing.tariffs)

    async def usage(
        self,
        transaction: Transaction,
        energy_wh: Decimal,
        place: Place,
        tariffs: tuple[AppliedTariff, ...],
        *,
        until: datetime | None = None,
        told: TransactionReport | None = None,
        known_at: datetime | None = None,
    ) -> Usage:
        """Return what a transaction used: so much energy, over its time. `told` is not stored yet, and counts too.

        With `known_at`, only by what had come until then.
        """
        events = await self._charging.get_events(transaction.id)
        if known_at is not None:
            events = [event for event in events if event.received_at <= known_at]
        readings = await store.find_readings(self._database, transaction.id, received_until=known_at)
        if told is not None:
            events, readings = [*events, _event(told)], [*readings, *map(_reading, told.readings)]
        if decide.needs_current(tariffs):
            readings = _with_currents(readings, await store.find_currents(self._database, transaction.id))
        usage = usage_of(transaction, events, readings, energy_wh, time_zone=place.time_zone, until=until)
        if any(one.activity is Activity.PARKED for one in usage.stretches):
            faults = await self._faults(transaction, usage)
            if faults:
                usage = usage_of(
                    transaction, events, readings, energy_wh, time_zone=place.time_zone, faults=faults, until=until
                )
        return replace(usage, reservation=await self._reserved(transaction, events))

    async def snapshot(
        self, transaction: Transaction, place: Place, *, names: dict[str, str] | None = None
    ) -> Snapshot:
        """Return who, where and with what. Names of drivers and plugs are kept in `names`, to be read once."""
        names = {} if names is None else names
        driver_id = transaction.driver_id
        plug_key = f"{transaction.station_id}/{transaction.evse}/{transaction.connector}"
        if driver_id and driver_id not in names:
            names[driver_id] = await store.find_driver_name(self._database, driver_id)
        if plug_key not in names:
            found = await store.find_plug(
                self._database, transaction.station_id, transaction.evse, transaction.connector
            )
            names[plug_key] = found or ""
        return Snapshot(
            **_of_place(place),
            evse=transaction.evse,
            connector=transaction.connector,
            plug=names[plug_key] or None,
            token_value=decide.shown_token(transaction.token_value, transaction.token_kind),
            token_kind=transaction.token_kind,
            token_id=transaction.token_id,
            driver_id=driver_id,
            driver_name=names.get(driver_id or "", ""),
            group_id=transaction.group_id,
            auth_method=decide.auth_method(transaction),
            reference=transaction.reference,
        )

    # Reservations that nobody came for

    async def tariffs_of_reservation(self, reservation: Reservation, place: Place) -> tuple[AppliedTariff, ...]:
        """Return the tariff that prices a reservation, by what was so when it began. Maybe none."""
        holder = await self._holder_of(reservation)
        began_at = reservation.kept_at or reservation.created_at
        situation = Situation(
            station_id=reservation.station_id,
            evse=reservation.evse,
            site_id=place.site_id,
            driver_id=holder.driver_id,
            group_id=holder.group_id,
            plan=await store.find_plan(self._database, holder.driver_id, began_at),
            kind=kind_of_session(reservation.token_kind, is_known=reservation.token_id is not None),
        )
        choice = await self._tariffs.applying(situation, began_at, until=reservation.expires_at)
        return (choice.applied,) if choice.applied is not None else ()

    def usage_of_reservation(self, reservation: Reservation, place: Place) -> Usage:
        """Return the time for which a place was kept in vain."""
        began_at = reservation.kept_at or reservation.created_at
        ended_at = max(min(reservation.ended_at or reservation.expires_at, reservation.expires_at), began_at)
        reserved = ReservedTime(started_at=began_at, ended_at=ended_at, is_expired=True)
        return Usage(time_zone=place.time_zone, reservation=reserved)

    async def snapshot_of_reservation(self, reservation: Reservation, place: Place) -> Snapshot:
        """Return who, where and with what, for a place that was kept in vain."""
        holder = await self._holder_of(reservation)
        driver_id = holder.driver_id
        return Snapshot(
            **_of_place(place),
            evse=reservation.evse,
            token_value=decide.shown_token(reservation.token_value, reservation.token_kind),
            token_kind=reservation.token_kind,
            token_id=reservation.token_id,
            driver_id=driver_id,
            driver_name=await store.find_driver_name(self._database, driver_id) if driver_id else "",
            group_id=holder.group_id,
            reference=str(reservation.id),
        )

    async def _holder_of(self, reservation: Reservation) -> store.Holder:
        if reservation.token_id is None:
            return store.Holder()
        return await store.find_holder(self._database, reservation.token_id)

    async def _faults(self, transaction: Transaction, usage: Usage) -> Sequence[Fault]:
        """Return when the connector could not charge; where it is not known which one it is, all that it may be."""
        since, until = usage.stretches[0].started_at, usage.stretches[-1].ended_at
        station_id, connector = transaction.station_id, transaction.connector
        told: dict[tuple[int, int], list[tuple[datetime, bool]]] = {}
        for row in await store.find_statuses(self._database, station_id, since, until):
            details = row["details"]
            is_out = details.get("after") in _OUT_OF_ORDER
            told.setdefault((details.get("evse"), details.get("connector")), []).append((row["occurred_at"], is_out))
        if transaction.evse is not None and connector is not None:
            return faults_of(told.get((transaction.evse, connector), ()), until)
        known = await store.find_connectors(self._database, station_id)
        every = {one for one in (*known, *told) if one[0] and one[1]}  # number 0 is the whole station
        of_evse = [one for one in sorted(every) if transaction.evse in (None, one[0])]
        return common_faults([faults_of(told.get(one, ()), until) for one in of_evse])

    async def _reserved(self, transaction: Transaction, events: Iterable[TransactionEvent]) -> ReservedTime | None:
        named = transaction.reservation_id is not None or any(one.facts.token is not None for one in events)
        if not named:
            return None
        row = await store.find_reserved(self._database, transaction.station_id, transaction.id)
        if row is None:
            return None
        began_at = min(row["kept_at"] or row["created_at"], transaction.started_at)
        return ReservedTime(started_at=began_at, ended_at=transaction.started_at)


def last_instant(usage: Usage) -> datetime | None:
    """Return when what was used ended."""
    if usage.stretches:
        return usage.stretches[-1].ended_at
    return usage.reservation.ended_at if usage.reservation is not None else None


def first_instant(usage: Usage) -> datetime | None:
    stretches: tuple[Stretch, ...] = usage.stretches
    if stretches:
        return stretches[0].started_at
    return usage.reservation.started_at if usage.reservation is not None else None


def _is_known(transaction: Transaction) -> bool:
    return any((transaction.token_id, transaction.driver_id, transaction.group_id))


def _event(report: TransactionReport) -> TransactionEvent:
    facts = EventFacts(register_wh=report.register_wh)
    return TransactionEvent(
        key="told",
        kind=report.kind,
        seq=report.seq,
        at=report.at,
        received_at=report.received_at,
        state=report.state,
        facts=facts,
    )


def _reading(taken: MeterReading) -> Reading:
    seen = summarise(taken.samples)
    return Reading(at=taken.at, context=seen.context, energy_wh=seen.energy_wh, power_w=seen.power_w)


def _of_place(place: Place) -> dict[str, Any]:
    names = set(Snapshot.__struct_fields__) & set(Place.__struct_fields__)
    return {name: getattr(place, name) for name in names}


def _with_currents(readings: Sequence[Reading], rows: Iterable[Row]) -> list[Reading]:
    """Return the readings with the currents of all phases summed up."""
    found = {row["at"]: total_current(row["samples"], row["current_a"]) for row in rows}
    return [replace(one, current_a=found.get(one.at)) for one in readings]
