"""An import carried out: every row is judged before any is written; a repetition changes nothing and says so."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.importing.model import Counts, Effect, Kind, Report, Row, RowError
from ingufu.importing.ports import Desk, StationDesk
from ingufu.importing.register import Put, Register
from ingufu.importing.wrong import Twins, row_error
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Approval, Station

_ACTIONS = {kind: kind.value.removesuffix("s") for kind in Kind}  # as the audit trail names them


class _Judged(msgspec.Struct, frozen=True):
    row: Row
    effect: Effect


async def carry_out(
    desk: StationDesk,
    rows: Sequence[Row],
    errors: Iterable[RowError] = (),
    *,
    keeps_good: bool = False,
    is_trial: bool = False,
) -> Report:
    """Return what became of the rows.

    With an error among them nothing is written, unless the good ones are to be kept; in a trial nothing is.
    What names others is written after them, so that a power cut in between leaves the first part: the same import
    then does the rest. Raises Conflict if someone changed the same things meanwhile, Unavailable.
    """
    judged, wrong = await _judge(desk, rows)
    found = sorted([*errors, *wrong], key=lambda error: (error.file, error.line, error.field))
    is_written = not is_trial and (keeps_good or not found)
    if is_written:
        await _write(desk, [one.row for one in judged if one.effect is not Effect.SAME])
    return Report(is_written=is_written, kinds=_counts(judged), errors=tuple(found))


async def _judge(desk: StationDesk, rows: Sequence[Row]) -> tuple[list[_Judged], list[RowError]]:
    register = Register(desk)
    await register.look(rows)
    judged: list[_Judged] = []
    wrong: list[RowError] = []
    twins = Twins()
    for row in _in_order(rows):
        twin = twins.find(row)
        if twin is not None:
            wrong.append(twin)
            continue
        try:
            put = await register.put(desk.work(), row.kind, row.values)  # a unit that is never committed
        except (InvalidInput, Conflict, NotFound) as error:
            wrong.append(row_error(row, error))
            continue
        register.promise(row.kind, row.values, put)
        judged.append(_Judged(row, put.effect))
    return judged, wrong


async def _write(desk: StationDesk, rows: Sequence[Row]) -> None:
    """Write in two steps, since a unit of work does not see its own writes: the named, then those that name."""
    register = Register(desk)
    await register.look(rows)
    done: list[tuple[Row, Put]] = []
    for kinds in ({*Kind} - {Kind.TOKENS}, {Kind.TOKENS}):
        done += await _write_kinds(desk, register, [row for row in rows if row.kind in kinds])
        await register.look(rows)
    changed: list[Station] = [put.station for _, put in done if put.station is not None and put.station.is_online]
    await desk.tell(changed)
    for station in changed:
        if station.approval is Approval.REFUSED:
            await desk.hang_up(station, "refused by an operator")


async def _write_kinds(desk: StationDesk, register: Register, rows: Sequence[Row]) -> list[tuple[Row, Put]]:
    done: list[tuple[Row, Put]] = []
    async with desk.work() as work:
        for row in _in_order(rows):
            put = await register.put(work, row.kind, row.values)
            register.promise(row.kind, row.values, put)
            note_import(desk, work, row, put)
            done.append((row, put))
    return done


def note_import(desk: Desk, work: Work, row: Row, put: Put) -> None:
    """Keep in the audit trail what a row of a file did."""
    details = {"file": row.file, "line": row.line}
    kind = _ACTIONS[row.kind]
    desk.note(work, f"{kind}.import", put.id, details, before=put.before, after=put.after)
    if put.block is not None:
        does = "block" if put.is_blocked else "unblock"
        desk.note(work, f"{kind}.{does}", put.id, details, before=put.after, after=put.block)


def _in_order(rows: Sequence[Row]) -> list[Row]:
    order = {kind: number for number, kind in enumerate(Kind)}
    return sorted(rows, key=lambda row: order[row.kind])


def _counts(judged: Sequence[_Judged]) -> dict[Kind, Counts]:
    tally = Counter((one.row.kind, one.effect) for one in judged)
    kinds = [kind for kind in Kind if any(one.row.kind is kind for one in judged)]
    return {
        kind: Counts(new=tally[kind, Effect.NEW], changed=tally[kind, Effect.CHANGED], same=tally[kind, Effect.SAME])
        for kind in kinds
    }
