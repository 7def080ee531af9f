"""An import carried out: every row is judged before any is written; a repetition changes nothing and says so."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ingufu.app.administration import Administration
from ingufu.app.importing.columns import COLUMNS
from ingufu.app.importing.model import Counts, Effect, Kind, Report, Row, RowError
from ingufu.app.importing.register import Put, Register
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound
from ingufu.stations.model import Approval, Station

_ACTIONS = {kind: kind.value.removesuffix("s") for kind in Kind}  # as the audit trail names them


class _Judged(msgspec.Struct, frozen=True):
    row: Row
    effect: Effect


async def carry_out(
    desk: Administration,
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


async def _judge(desk: Administration, rows: Sequence[Row]) -> tuple[list[_Judged], list[RowError]]:
    register = Register(desk)
    await register.look()
    judged: list[_Judged] = []
    wrong: list[RowError] = []
    first: dict[tuple[Kind, str], Row] = {}
    for row in _in_order(rows):
        twin = first.setdefault((row.kind, _key(row)), row)
        if twin is not row:
            name = COLUMNS[row.kind][0].name
            wrong.append(_error(row, name, f"is the same as in line {twin.line} of {twin.file}"))
            continue
        try:
            put = await register.put(desk.work(), row.kind, row.values)  # a unit that is never committed
        except (InvalidInput, Conflict, NotFound) as error:
            wrong.append(_error(row, _field(row, error), _reason(error)))
            continue
        register.promise(row.kind, row.values, put)
        judged.append(_Judged(row, put.effect))
    return judged, wrong


async def _write(desk: Administration, rows: Sequence[Row]) -> None:
    """Write in three steps, since a unit of work does not see its own writes: the named, those that name, blocks."""
    register = Register(desk)
    await register.look()
    done: list[tuple[Row, Put]] = []
    for kinds in ({*Kind} - {Kind.TOKENS}, {Kind.TOKENS}):
        done += await _write_kinds(desk, register, [row for row in rows if row.kind in kinds])
        await register.look()
    async with desk.work() as work:
        for row, put in done:
            await register.settle(work, row.kind, put, row.values)
    changed: list[Station] = [put.station for _, put in done if put.station is not None and put.station.is_online]
    await desk.tell(changed)
    for station in changed:
        if station.approval is Approval.REFUSED:
            await desk.hang_up(station, "refused by an operator")


async def _write_kinds(desk: Administration, register: Register, rows: Sequence[Row]) -> list[tuple[Row, Put]]:
    done: list[tuple[Row, Put]] = []
    async with desk.work() as work:
        for row in _in_order(rows):
            put = await register.put(work, row.kind, row.values)
            register.promise(row.kind, row.values, put)
            details = {"file": row.file, "line": row.line}
            desk.note(work, f"{_ACTIONS[row.kind]}.import", put.id, details)
            done.append((row, put))
    return done


def _in_order(rows: Sequence[Row]) -> list[Row]:
    order = {kind: number for number, kind in enumerate(Kind)}
    return sorted(rows, key=lambda row: order[row.kind])


def _key(row: Row) -> str:
    """Return what tells the row from others of its kind."""
    values = row.values
    match row.kind:
        case Kind.TOKENS:
            return f"{values['value']}\0{values.get('kind') or 'ISO14443'}".casefold()
        case Kind.DRIVERS:
            return str(values.get("email") or values["name"]).casefold()
        case _:
            return str(values[COLUMNS[row.kind][0].name]).casefold()


def _field(row: Row, error: IngufuError) -> str:
    field = error.field if isinstance(error, InvalidInput) else None
    columns = {"site_id": "site", "group_id": "group", "driver_id": "driver", "grants": "role"}
    return columns.get(field or "", field or COLUMNS[row.kind][0].name)


def _reason(error: IngufuError) -> str:
    text = error.message.rstrip(".")
    first, _, _ = text.partition(" ")
    is_acronym = len(first) > 1 and first.isupper()
    return text if is_acronym else text[:1].lower() + text[1:]


def _error(row: Row, field: str, reason: str) -> RowError:
    return RowError(file=row.file, line=row.line, field=field, reason=reason)


def _counts(judged: Sequence[_Judged]) -> dict[Kind, Counts]:
    tally = Counter((one.row.kind, one.effect) for one in judged)
    kinds = [kind for kind in Kind if any(one.row.kind is kind for one in judged)]
    return {
        kind: Counts(new=tally[kind, Effect.NEW], changed=tally[kind, Effect.CHANGED], same=tally[kind, Effect.SAME])
        for kind in kinds
    }
