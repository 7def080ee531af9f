"""Keeps what stations tell of their variables and monitors, with the history of every value that changes."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from ingufu.configuration import assembly, decide, store
from ingufu.configuration.events import ReportEnded
from ingufu.configuration.model import (
    OPEN_STATES,
    Change,
    Monitor,
    Origin,
    Report,
    ReportKind,
    ReportPart,
    ReportState,
    Told,
    ToldMonitor,
    Variable,
)
from ingufu.configuration.service.means import Means
from ingufu.core.configuration import ReportBase
from ingufu.core.variables import Attribute
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Station

REPORTED = "Reported"
MOST_VARIABLES = 10_000  # of one station; the largest known device models have some thousand
MOST_MONITORS = 5_000
MOST_OPEN = 20  # reports under way that a station has; nobody asks for so many

log = structlog.get_logger(__name__)


class Keeping:
    """Writes what is told. Nothing is asked of a station here."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def take(self, work: Work, station: Station, part: ReportPart, at: datetime) -> None:
        """Keep a part of a report. Parts may come in any order, again, late, and of a report that nobody asked for.

        Spec: OCPP 2.1 part 2, B05 to B08 and N02 (NotifyReport, NotifyMonitoringReport).
        """
        kind = ReportKind.MONITORS if part.is_of_monitors else ReportKind.VARIABLES
        report = await store.report_of(self._means.database, station.id, part.request_id)
        actor = None if report is None else report.actor
        await self.tell(work, station.id, part.variables, at, origin=Origin.REPORT, actor=actor)
        await self._tell_monitors(work, station.id, part.monitors, at)
        if report is None:
            if len(await store.open_reports(self._means.database, station.id)) >= MOST_OPEN:
                log.warning("configuration.too_many_reports", station=station.identity, request=part.request_id)
                return
            report = self._unasked(station.id, part, kind, at)
            store.add_report(work, report)
        after = assembly.add(report, part, at)
        if after is None:
            return
        store.change_report(work, report, after)
        if after.state is ReportState.COMPLETE:
            self.finish(work, station, after, at)

    async def tell(
        self,
        work: Work,
        station_id: str,
        told: Sequence[Told],
        at: datetime,
        *,
        origin: Origin,
        actor: str | None = None,
    ) -> None:
        """Keep values as a station told them; what it does not say of a variable stays as it was known."""
        if not told:
            return
        known = {(one.key, one.attribute): one for one in await store.variables_of(self._means.database, station_id)}
        for one in told:
            before = known.get((one.name.key, one.attribute))
            if before is None and len(known) >= MOST_VARIABLES:
                log.warning("configuration.too_many_variables", station=station_id, variable=one.name.text[:100])
                continue
            after = _merged(station_id, before, one, at, origin, actor)
            known[one.name.key, one.attribute] = after
            store.save_variable(work, after)
            if before is not None and before.value != after.value and origin is not Origin.WRITTEN:
                self._note(work, before, after, at)

    async def give_up(self, work: Work, report: Report, at: datetime) -> bool:
        """Return True if the report has been silent for too long and is ended as incomplete."""
        after = assembly.give_up(report, at, self._means.rules.report_timeout_s)
        if after is None:
            return False
        store.change_report(work, report, after)
        self.announce(work, after, at)
        return True

    def finish(self, work: Work, station: Station, report: Report, at: datetime) -> None:
        """Draw the consequences of a report that is complete: what a full one does not name is no longer there."""
        if report.kind is ReportKind.MONITORS:
            if report.base == "all":
                store.forget_monitors_older(work, station.id, report.asked_at)
        elif report.base == ReportBase.FULL.value:
            store.forget_variables_older(work, station.id, report.asked_at)
            self.note_inventory(work, station, at)
        else:
            store.make_stale(work, station.id)
        self.announce(work, report, at)

    def note_inventory(self, work: Work, station: Station, at: datetime) -> None:
        """Keep that all of a station's variables are known as of now."""
        store.change_state(
            work,
            station.id,
            inventory_at=at,
            inventory_firmware=station.firmware_version,
            inventory_tries=0,
            inventory_note="",
            is_stale=True,
            due_at=at,
        )

    def announce(self, work: Work, report: Report, at: datetime) -> None:
        """Tell that a report is at its end."""
        work.emit(
            ReportEnded(
                occurred_at=at,
                station_id=report.station_id,
                report=report.id,
                of=report.kind.value,
                base=report.base,
                state=report.state.value,
                items=report.items,
                missing=len(report.missing),
                detail=report.detail,
            )
        )

    def _unasked(self, station_id: str, part: ReportPart, kind: ReportKind, at: datetime) -> Report:
        """Return the record of a report that a raw command asked for, or that the station sends by itself."""
        return Report(
            id=self._means.ids.new(),
            station_id=station_id,
            request_id=part.request_id,
            kind=kind,
            asked_at=at,
            detail="",
        )

    async def _tell_monitors(self, work: Work, station_id: str, told: Sequence[ToldMonitor], at: datetime) -> None:
        known = {one.number for one in await store.monitors_of(self._means.database, station_id)} if told else set()
        for one in told:
            known.add(one.number)
            if len(known) > MOST_MONITORS:
                log.warning("configuration.too_many_monitors", station=station_id, monitor=one.number)
                return
            store.save_monitor(
                work,
                Monitor(
                    station_id=station_id,
                    number=one.number,
                    key=one.name.key,
                    name=one.name,
                    kind=one.kind,
                    value=one.value,
                    severity=one.severity,
                    is_transaction_only=one.is_transaction_only,
                    notification=one.notification,
                    told_at=at,
                ),
            )

    @staticmethod
    def _note(work: Work, before: Variable, after: Variable, at: datetime) -> None:
        if decide.is_volatile(after.data_type, after.mutability):
            return
        change = Change(
            station_id=after.station_id,
            at=at,
            key=after.key,
            attribute=after.attribute,
            before=before.value,
            value=after.value,
            origin=after.origin,
            status=REPORTED,
            actor=after.actor,
        )
        store.add_change(work, change)


def is_open(report: Report) -> bool:
    return report.state in OPEN_STATES


def _merged(
    station_id: str, before: Variable | None, told: Told, at: datetime, origin: Origin, actor: str | None
) -> Variable:
    said = {
        name: value
        for name, value in msgspec.structs.asdict(told).items()
        if value is not None and name not in {"name", "value", "attribute"}
    }
    value = decide.shown(told.name, told.value)
    if value is None and before is not None and origin is not Origin.REPORT:
        value = before.value
    if before is None:
        return Variable(
            station_id=station_id,
            key=told.name.key,
            attribute=told.attribute,
            name=told.name,
            value=value,
            told_at=at,
            changed_at=at,
            origin=origin,
            actor=actor,
            **said,
        )
    changed_at = before.changed_at if before.value == value else at
    return msgspec.structs.replace(
        before, name=told.name, value=value, told_at=at, changed_at=changed_at, origin=origin, actor=actor, **said
    )


def actual(variables: Sequence[Variable]) -> dict[str, Variable]:
    """Return actual values by key."""
    return {one.key: one for one in variables if one.attribute is Attribute.ACTUAL}
