"""A service of configuration on a fresh database, and a station that answers as a test says."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingufu.configuration.model import ConfigurationRules
from ingufu.configuration.service import Configuration, Reading
from ingufu.core.clock import FrozenClock
from ingufu.core.commands import Command, Outcome, RawReply, ReplyKind
from ingufu.core.configuration import ReadResult, ReadVariables, VariablesRead, VariablesWritten, WriteVariables
from ingufu.core.errors import IngufuError, StationOffline, StationTimeout
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault
from ingufu.stations.model import Boot, Station, StationRules
from ingufu.stations.service import Stations


class PlayedStation:
    """The way to one station that keeps what it is set to; `refuses` says how it answers to a variable."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values  # by key of the name
        self.refuses: dict[str, str] = {}
        self.fails: dict[str, IngufuError] = {}  # what a message to set, with this variable in it, comes to
        self.fails_to_tell: dict[str, IngufuError] = {}  # the same of a message to read
        self.is_away = False
        self.loses_answers = False  # it does what it is asked, and nobody hears so
        self.reports = "Accepted"
        self.asked: list[Command[Any]] = []
        self.gate: asyncio.Event | None = None

    async def call(self, station_id: str, command: Command[Any], *, timeout_s: float = 30.0) -> Any:
        del station_id, timeout_s
        self.asked.append(command)
        if self.is_away:
            raise StationOffline
        answer = await self._answers.get(type(command).__name__, PlayedStation._accept)(self, command)
        if self.loses_answers:
            raise StationTimeout
        return answer

    async def _accept(self, command: Command[Any]) -> Outcome:
        del command
        return Outcome(status=self.reports, is_accepted=self.reports == "Accepted")

    async def _read(self, command: ReadVariables) -> VariablesRead:
        for one in command.items:
            if (failure := self.fails_to_tell.get(one.name.key)) is not None:
                raise failure
        items = tuple(
            ReadResult(
                name=item.name,
                status="Accepted" if item.name.key in self.values else "UnknownVariable",
                value=self.values.get(item.name.key),
            )
            for item in command.items
        )
        return VariablesRead(status="Accepted", is_accepted=True, items=items)

    async def _write(self, command: WriteVariables) -> VariablesWritten:
        for one in command.items:
            if (failure := self.fails.get(one.name.key)) is not None:
                raise failure
        (item,) = command.items if len(command.items) == 1 else (command.items[0],)
        status = self.refuses.get(item.name.key, "Accepted")
        for one in command.items:
            if self.refuses.get(one.name.key, "Accepted") == "Accepted":
                self.values[one.name.key] = one.value
        return VariablesWritten(status=status, is_accepted=status == "Accepted")

    _answers: dict[str, Callable[..., Any]] = {"ReadVariables": _read, "WriteVariables": _write}  # noqa: RUF012

    def sent(self, key: str) -> int:
        """Return how many messages were to set this variable."""
        writes = [one for one in self.asked if isinstance(one, WriteVariables)]
        return sum(key in {item.name.key for item in one.items} for one in writes)

    def asked_of(self, key: str) -> int:
        """Return how many messages were to read this variable."""
        reads = [one for one in self.asked if isinstance(one, ReadVariables)]
        return sum(key in {item.name.key for item in one.items} for one in reads)

    async def call_raw(self, *_: Any, **__: Any) -> RawReply:
        return RawReply(kind=ReplyKind.OFFLINE)

    async def disconnect(self, station_id: str, reason: str) -> bool:
        del station_id, reason
        return False

    async def reload(self, station_id: str) -> None:
        del station_id


@pytest.fixture
def stations(database: Database, clock: FrozenClock, ids: IdMaker) -> Stations:
    return Stations(database, clock, ids, StationRules())


@pytest.fixture
def rules() -> ConfigurationRules:
    return ConfigurationRules()


@pytest.fixture
def configuration(
    database: Database, clock: FrozenClock, ids: IdMaker, stations: Stations, rules: ConfigurationRules, tmp_path: Path
) -> Configuration:
    return Configuration(database, clock, ids, stations, Vault(tmp_path / "secrets.key"), rules)


@pytest.fixture
def version() -> str:
    return "2.0.1"


@pytest.fixture
async def station(database: Database, clock: FrozenClock, stations: Stations, version: str) -> Station:
    """A station, connected and accepted."""
    async with database.work() as work:
        made = await stations.create(work, "CS", password="a-key-of-16-chars")
    async with database.work() as work:
        await stations.connected(
            work, made.id, connection_id="c", version=version, address="192.0.2.1", security_profile=1, at=clock.now()
        )
    async with database.work() as work:
        await stations.boot(work, made, Boot(vendor="V", model="M", firmware_version="1.0"), clock.now())
    return await stations.get(made.id)


@pytest.fixture
def played() -> PlayedStation:
    return PlayedStation({"sampleddatactrlr.txupdatedinterval": "60", "authctrlr.localauthorizeoffline": "true"})


@pytest.fixture
def by(played: PlayedStation) -> Reading:
    return Reading(link=played, actor="keza")
