"""A desk on a fresh database, for what the command line does with one."""

from pathlib import Path

import pytest

from ingufu.accounts.model import ActorKind, Principal, Scope
from ingufu.app.administration import Administration
from ingufu.app.parts import AskingProcess, services_of
from ingufu.app.settings import Settings
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.remote_link import RemoteLink
from ingufu.infra.storage.database import Database


@pytest.fixture
async def desk(database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path) -> Administration:
    """As `administration` opens it while no server runs."""
    bus = DialledBus(tmp_path / "no-server.sock")
    process = AskingProcess(services_of(Settings(data=str(tmp_path)), database, clock, ids), RemoteLink(bus), bus)
    async with database.work() as work:
        operator = await process.services.accounts.ensure_operator(work, "Operator")
    principal = Principal(kind=ActorKind.COMMAND_LINE, id="ada", name="ada", scopes=frozenset(Scope))
    return Administration(process, operator.id, principal)
