"""Has stations report: all variables, some of them, or their monitors."""

from collections.abc import Sequence

import msgspec

from ingufu.configuration import decide, store
from ingufu.configuration.model import Limits, Report, ReportKind, ReportState
from ingufu.configuration.service.asking import Asking, Reading
from ingufu.configuration.service.keeping import Keeping, actual
from ingufu.configuration.service.means import Means
from ingufu.core.commands import Command, Outcome
from ingufu.core.configuration import (
    ACCEPTED,
    Criterion,
    MonitorCriterion,
    Place,
    ReportBase,
    RequestBaseReport,
    RequestMonitors,
    RequestReport,
)
from ingufu.core.errors import Conflict, StationUnavailable, StationUnsupported
from ingufu.stations.model import Station

EMPTY = "EmptyResultSet"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is to hold: a base, or what criteria and places choose together."""

    base: ReportBase | None = None
    criteria: tuple[Criterion, ...] = ()
    places: tuple[Place, ...] = ()


class Reporting:
    """Asks for reports; their parts come later, and `Keeping` puts them together."""

    def __init__(self, means: Means, keeping: Keeping, asking: Asking) -> None:
        self._means = means
        self._keeping = keeping
        self._asking = asking

    async def request(self, by: Reading, station: Station, wish: Wish, *, is_automatic: bool = False) -> Report:
        """Return the report that is asked for, how far it is now.

        A 1.6 station answers at once with all it has. Raises Conflict while another report of the station is under
        way, StationUnsupported for a choice that 1.6 cannot make, StationUnavailable.
        """
        known = actual(await store.variables_of(self._means.database, station.id))
        most = decide.limits(known, "GetReport")
        portions = decide.batches(
            wish.places, Limits(items=most.items or len(wish.places) or 1, bytes=most.bytes), _size
        )
        report = await self._begin(station, ReportKind.VARIABLES, wish.base, by.actor, is_automatic=is_automatic)
        if not decide.family(station.ocpp_version).has_reports:
            return await self._read_everything(by, station, wish, report)
        if wish.base is not None:
            return await self._ask(by, station, report, RequestBaseReport(request_id=report.request_id, base=wish.base))
        first, *others = portions or [()]
        command = RequestReport(request_id=report.request_id, criteria=wish.criteria, places=first)
        asked = await self._ask(by, station, report, command)
        for places in others:  # each is a report of its own, as the station takes no more places at once
            more = await self._begin(station, ReportKind.VARIABLES, None, by.actor, is_alongside=True)
            command = RequestReport(request_id=more.request_id, criteria=wish.criteria, places=places)
            await self._ask(by, station, more, command)
        return asked

    async def request_monitors(
        self,
        by: Reading,
        station: Station,
        criteria: Sequence[MonitorCriterion] = (),
        places: Sequence[Place] = (),
    ) -> Report:
        """Return the report of monitors that is asked for. Raises as `request` does."""
        if not decide.family(station.ocpp_version).has_reports:
            raise StationUnsupported("OCPP 1.6 has no monitors.")
        report = await self._begin(station, ReportKind.MONITORS, None, by.actor, is_all=not criteria and not places)
        command = RequestMonitors(request_id=report.request_id, criteria=tuple(criteria), places=tuple(places))
        return await self._ask(by, station, report, command)

    async def _begin(
        self,
        station: Station,
        kind: ReportKind,
        base: ReportBase | None,
        actor: str | None,
        *,
        is_automatic: bool = False,
        is_all: bool = False,
        is_alongside: bool = False,
    ) -> Report:
        """Write the report down before it is asked for: its first part may overtake the answer."""
        at = self._means.clock.now()
        async with self._means.database.work() as work:
            for other in await store.open_reports(self._means.database, station.id):
                if other.kind is kind and not is_alongside and not await self._keeping.give_up(work, other, at):
                    raise Conflict("A report of this station is under way; wait for its end.")
            report = Report(
                id=self._means.ids.new(),
                station_id=station.id,
                request_id=self._means.request_id(),
                kind=kind,
                base="all" if is_all else None if base is None else base.value,
                is_automatic=is_automatic,
                actor=actor,
                asked_at=at,
            )
            store.add_report(work, report)
        return report

    async def _ask(self, by: Reading, station: Station, report: Report, command: Command[Outcome]) -> Report:
        try:
            outcome = await by.link.call(station.id, command, timeout_s=by.timeout_s)
        except StationUnavailable as error:
            await self._end(report, ReportState.FAILED, error.message)
            raise
        if outcome.status == ACCEPTED:
            return await store.report_of(self._means.database, station.id, report.request_id) or report
        state = ReportState.EMPTY if outcome.status == EMPTY else ReportState.REFUSED
        info = ", ".join(str(word) for word in outcome.details.values() if word)
        return await self._end(report, state, outcome.status + (f": {info}" if info else ""))

    async def _read_everything(self, by: Reading, station: Station, wish: Wish, report: Report) -> Report:
        if wish.criteria or wish.places or wish.base is ReportBase.SUMMARY:
            await self._end(report, ReportState.FAILED, "OCPP 1.6 tells all of its configuration.")
            raise StationUnsupported("OCPP 1.6 tells all of its configuration or single keys.")
        try:
            items = await self._asking.read_everything(by, station)
        except StationUnavailable as error:
            await self._end(report, ReportState.FAILED, error.message)
            raise
        at = self._means.clock.now()
        ended = msgspec.structs.replace(
            report, state=ReportState.COMPLETE, items=items, parts=(0,), last_part=0, last_part_at=at, ended_at=at
        )
        async with self._means.database.work() as work:
            store.change_report(work, report, ended)
            if items:
                self._keeping.finish(work, station, msgspec.structs.replace(ended, base=ReportBase.FULL.value), at)
            else:
                self._keeping.announce(work, ended, at)
        return ended

    async def _end(self, report: Report, state: ReportState, detail: str) -> Report:
        """Return the report at its end, unless parts came all the same."""
        at = self._means.clock.now()
        ended = msgspec.structs.replace(report, state=state, ended_at=at, detail=detail[:500])
        try:
            async with self._means.database.work() as work:
                store.change_report(work, report, ended)
                self._keeping.announce(work, ended, at)
        except Conflict:
            return await store.report_of(self._means.database, report.station_id, report.request_id) or ended
        return ended


def _size(place: Place) -> int:
    return 160 + 2 * sum(len((part or "").encode()) for part in (place.component, place.instance, place.variable))
