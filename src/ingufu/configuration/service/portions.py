"""Asks in portions, judges what came of each value by itself, and says which values were not reached."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from ingufu.configuration import decide
from ingufu.configuration.model import NOT_SENT, ItemOutcome
from ingufu.core.configuration import ACCEPTED, REBOOT_REQUIRED, ReadItem, ReadResult, WriteItem, WriteResult
from ingufu.core.errors import (
    InvalidInput,
    StationNotAccepted,
    StationOffline,
    StationTimeout,
    StationUnavailable,
    StationUnsupported,
)

NO_ANSWER = "NoAnswer"  # our own word: the message that it travelled in was not answered

ItemT = TypeVar("ItemT", ReadItem, WriteItem)
ResultT = TypeVar("ResultT", ReadResult, WriteResult)
_SILENT = (StationOffline, StationTimeout)  # what else there is would fare no better now
_FINAL = (StationUnsupported, InvalidInput)  # it is so however often it is asked


class Asked(msgspec.Struct, Generic[ResultT], frozen=True, kw_only=True):
    """What came of asking."""

    results: list[ResultT] = msgspec.field(default_factory=list)
    outcomes: list[ItemOutcome] = msgspec.field(default_factory=list)
    failure: StationUnavailable | InvalidInput | None = None  # why nothing at all could be asked
    silence: StationUnavailable | None = None  # in which the station fell; nothing more was asked then
    lost: frozenset[str] = frozenset()  # keys of what was under way when it did
    unreached: frozenset[str] = frozenset()  # and of what came after that


async def ask_all(
    portions: Sequence[Sequence[ItemT]],
    ask: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
    *,
    halves: tuple[type[Exception], ...] = (),
) -> Asked[ResultT]:
    """Ask portion by portion. After one without an answer the next ones are not asked.

    A portion that the station refuses to answer is most often too large: in halves each finds out for itself. `halves`
    names what else may be the fault of one value in a portion.
    """
    results: list[ResultT] = []
    outcomes: list[ItemOutcome] = []
    lost: set[str] = set()
    unreached: set[str] = set()
    waiting = list(portions)
    number = 0
    silence: StationUnavailable | None = None
    failure: StationUnavailable | InvalidInput | None = None
    while waiting:
        batch = waiting.pop(0)
        number += 1
        if silence is not None:
            outcomes += [_unanswered(item, silence, 0) for item in batch]
            unreached |= {item.name.key for item in batch}
            continue
        try:
            found = await ask(batch)
        except StationNotAccepted as error:  # before it was sent
            silence = error
            waiting.insert(0, batch)
        except _SILENT as error:
            silence = error
            outcomes += [_unanswered(item, error, number) for item in batch]
            lost |= {item.name.key for item in batch}
        except (StationUnavailable, InvalidInput) as error:
            is_final = isinstance(error, _FINAL)
            if len(batch) > 1 and (not is_final or isinstance(error, halves)):
                waiting[:0] = [half for half in decide.halves(batch) if half]
            elif is_final:
                failure = failure or error
                outcomes += [unsent(item, NOT_SENT, error.message) for item in batch]
            else:
                outcomes += [_unanswered(item, error, number) for item in batch]
        else:
            results += found
            outcomes += _joined(batch, found, number)
    return Asked(
        results=results,
        outcomes=outcomes,
        failure=None if results else silence or failure,
        silence=silence,
        lost=frozenset(lost),
        unreached=frozenset(unreached),
    )


def unsent(item: ReadItem | WriteItem, status: str, reason: str) -> ItemOutcome:
    """Return the outcome of a value that was not asked for."""
    return ItemOutcome(
        name=item.name, attribute=item.attribute, status=status, is_accepted=False, reason=reason, part=0
    )


def _joined(
    batch: Sequence[ReadItem | WriteItem], found: Sequence[ReadResult | WriteResult], number: int
) -> list[ItemOutcome]:
    """Return an outcome of every item; stations answer in any order, and may leave one out."""
    by_place = {(one.name.key, one.attribute): one for one in found}
    outcomes: list[ItemOutcome] = []
    for item in batch:
        one = by_place.get((item.name.key, item.attribute))
        if one is None:
            outcomes.append(
                ItemOutcome(
                    name=item.name,
                    attribute=item.attribute,
                    status=NO_ANSWER,
                    is_accepted=False,
                    reason="The station's answer does not mention it.",
                    part=number,
                )
            )
            continue
        value = decide.shown(one.name, one.value) if isinstance(one, ReadResult) else None
        outcomes.append(
            ItemOutcome(
                name=item.name,
                attribute=item.attribute,
                status=one.status,
                is_accepted=one.status in (ACCEPTED, REBOOT_REQUIRED),
                value=value,
                reason=one.reason,
                part=number,
            )
        )
    return outcomes


def _unanswered(item: ReadItem | WriteItem, error: StationUnavailable | InvalidInput, part: int) -> ItemOutcome:
    return ItemOutcome(
        name=item.name,
        attribute=item.attribute,
        status=NO_ANSWER,
        is_accepted=False,
        reason=error.message,
        part=part,
    )
