"""Drivers, cards and groups from a file in parts: judged, written, told of; again is the same, wherever it stopped."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from ingufu.accounts.service.changes import State
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.importing.batches import Batches, Outcome
from ingufu.importing.model import Effect, Kind
from ingufu.importing.sheets import open_sheet, read_rows
from ingufu.infra.storage.database import Database, Work
from ingufu.services import Services
from ingufu.views.tokens import DriverQuery, TokenQuery, count_drivers, count_tokens, list_drivers
from web.api.conftest import make_services


class Desk:
    """Somebody who imports; what they did is in `noted`."""

    def __init__(self, services: Services, organisation_id: str, owner_id: str | None = None) -> None:
        self.services = services
        self.organisation_id = organisation_id
        self.owner_id = owner_id
        self.noted: list[tuple[str, Mapping[str, Any] | None]] = []

    def work(self) -> Work:
        return self.services.database.work()

    def note(
        self, work: Work, action: str, object_id: str, details: Mapping[str, Any] | None = None, *,
        before: State | None = None, after: State | None = None,
    ) -> None:  # fmt: skip
        self.noted.append((action, details))


@pytest.fixture
async def desk(database: Database, clock: FrozenClock, ids: IdMaker) -> Desk:
    return Desk(make_services(database, clock, ids), "operator")


async def carried(
    desk: Desk, kind: Kind, text: str, *, is_trial: bool = False, at_once: int = 3, **how: bool
) -> list[Outcome]:
    raw = text.encode()
    rows = list(read_rows(raw, open_sheet(raw, kind), "file.csv"))
    batches = Batches(desk, is_trial=is_trial, **how)
    found: list[Outcome] = []
    for first in range(0, len(rows), at_once):
        found += await batches.take(rows[first : first + at_once])
    return found


def effects(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.effect.value if one.effect else "wrong" for one in outcomes]


DRIVERS = "name,email,phone\nAda,ada@example.org,1\nBob,bob@example.org,\nGrace,,\nAda,other@example.org,\n"
CARDS = "card,driver,note,blocked\n04A1,ada@example.org,one,\n04A2,Bob,,yes\n04A3,,,\n04A4,nobody@example.org,,\n"


async def test_rows_are_judged_without_writing_then_written_then_the_same(desk: Desk) -> None:
    assert effects(await carried(desk, Kind.DRIVERS, DRIVERS, is_trial=True)) == ["new"] * 4
    assert await count_drivers(desk.services.database, DriverQuery()) == 0
    assert desk.noted != []
    desk.noted.clear()
    assert effects(await carried(desk, Kind.DRIVERS, DRIVERS)) == ["new"] * 4
    assert [action for action, _ in desk.noted] == ["driver.import"] * 4
    assert effects(await carried(desk, Kind.DRIVERS, DRIVERS)) == ["same"] * 4
    found = await carried(desk, Kind.TOKENS, CARDS)
    assert effects(found) == ["new", "new", "new", "wrong"]
    assert (found[3].line, found[3].field, found[3].reason) == (5, "driver", "there is no driver nobody@example.org")
    blocked = await desk.services.authorization.find_token("04A2")
    assert blocked is not None
    assert blocked.blocked_at is not None
    again = await carried(desk, Kind.TOKENS, CARDS.replace(",one,", ",two,"))
    assert effects(again) == ["changed", "same", "same", "wrong"]
    assert await count_tokens(desk.services.database, TokenQuery()) == 3


async def test_what_stopped_halfway_is_finished_by_the_same_file(desk: Desk) -> None:
    raw = DRIVERS.encode()
    rows = list(read_rows(raw, open_sheet(raw), "file.csv"))
    await Batches(desk, is_trial=False).take(rows[:2])  # and then the power fails
    assert effects(await carried(desk, Kind.DRIVERS, DRIVERS)) == ["same", "same", "new", "new"]
    assert await count_drivers(desk.services.database, DriverQuery()) == 4


async def test_card_that_a_file_blocks_is_never_there_without_its_block(desk: Desk, monkeypatch: Any) -> None:
    begun: list[Work] = []

    def work_until_the_power_fails() -> Work:
        begun.append(desk.services.database.work())
        if len(begun) > 1:
            raise OSError("power failed")
        return begun[-1]

    monkeypatch.setattr(desk, "work", work_until_the_power_fails)
    with suppress(OSError):
        await carried(desk, Kind.TOKENS, "value,is_blocked,block_reason\n04A1,yes,stolen\n")
    monkeypatch.undo()
    card = await desk.services.authorization.find_token("04A1")
    assert card is not None
    assert card.blocked_at is not None
    assert card.block_reason == "stolen"
    assert [action for action, _ in desk.noted] == ["token.import", "token.block"]


async def test_twins_in_a_file_are_told_and_the_first_counts(desk: Desk) -> None:
    cards = "value,kind\n04a1,\n 04A1 ,ISO14443\n04A1,KeyCode\nDE-AAA-C1-B,eMAID\nDEAAAC1B,eMAID\n"
    found = await carried(desk, Kind.TOKENS, cards, at_once=1)
    assert effects(found) == ["new", "wrong", "new", "new", "wrong"]
    assert found[1].reason == "is the same as in line 2 of file.csv"
    people = (
        "name,email\nJean,\nJean,jean@example.org\nEve,eve@example.org\nEve,eve2@example.org\nEVE,EVE@example.org\n"
    )
    assert effects(await carried(desk, Kind.DRIVERS, people)) == ["new", "wrong", "new", "new", "wrong"]


async def test_groups_and_drivers_that_are_missing_are_made_if_wanted(desk: Desk) -> None:
    cards = (
        "value,group,driver\n1,FLEET,ada@example.org\n2,fleet,Grace\n3,FLEET,ADA@example.org\nx"
        + "y" * 300
        + ",NEVER,\n"
    )
    found = await carried(desk, Kind.TOKENS, cards, at_once=2, makes_missing=True)
    assert effects(found) == ["new", "new", "new", "wrong"]
    assert await desk.services.authorization.find_group("NEVER") is None
    names = [row.name for row in (await list_drivers(desk.services.database, DriverQuery())).items]
    assert names == ["ada@example.org", "Grace"]
    assert effects(await carried(desk, Kind.TOKENS, cards, makes_missing=True)) == ["same", "same", "same", "wrong"]


async def test_what_another_makes_in_the_same_moment_spoils_that_row_alone(desk: Desk) -> None:
    raw = b"value,name\nA,\nB,\nC,\n"
    rows = list(read_rows(raw, open_sheet(raw, Kind.GROUPS), "file.csv"))
    batches = Batches(desk, is_trial=False)
    look = batches._register.look

    async def look_then_somebody_makes_one(of: Any) -> None:
        await look(of)
        await carried(desk, Kind.GROUPS, "value,name\nB,theirs\n")

    batches._register.look = look_then_somebody_makes_one  # type: ignore[method-assign]
    found = await batches.take(rows)
    assert [one.effect for one in found] == [Effect.NEW, Effect.CHANGED, Effect.NEW] or effects(found) == [
        "new",
        "same",
        "new",
    ]
    group = await desk.services.authorization.find_group("b")
    assert group is not None


async def test_fleet_neither_changes_nor_names_what_is_not_its_own(desk: Desk) -> None:
    await carried(desk, Kind.GROUPS, "value\nTHEIRS\n")
    await carried(desk, Kind.DRIVERS, "name,email\nAda,ada@example.org\nJean,\n")
    await carried(desk, Kind.TOKENS, "value\n04A1\n")
    fleet = Desk(desk.services, "fleet", "fleet")
    found = await carried(
        fleet, Kind.TOKENS, "value,group,driver\n04A1,,\n04A2,THEIRS,\n04A3,,ada@example.org\n04A4,,Jean\n"
    )
    assert effects(found) == ["wrong"] * 4
    assert found[0].reason == "it is registered already, by another organisation"
    assert effects(await carried(fleet, Kind.DRIVERS, "name,email\nAda,ada@example.org\nJean,\n")) == ["wrong", "new"]
    assert await count_drivers(desk.services.database, DriverQuery(), "fleet") == 1
