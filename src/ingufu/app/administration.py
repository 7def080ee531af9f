"""What the command line changes things with: the services, who does it, and word to a running server."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from ingufu.accounts.model import CEILINGS, ROLE_SCOPES, ActorKind, Door, Principal, Role, Scope
from ingufu.accounts.service.changes import State
from ingufu.app import parts
from ingufu.app.parts import AskingProcess
from ingufu.app.settings import Settings
from ingufu.core.errors import InvalidInput, NotFound, StationUnavailable, Unavailable
from ingufu.infra.storage.database import Work
from ingufu.infra.storage.migrate import check_version
from ingufu.services import Services
from ingufu.sites.model import Site
from ingufu.stations.model import Station
from ingufu.views import transactions
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.tokens import DriverQuery, DriverRow, list_drivers

SERVER_WAIT_S = 1.0  # for a server whose socket is there

log = structlog.get_logger(__name__)


class Administration:
    """The desk at which an operator with a shell sits."""

    def __init__(self, process: AskingProcess, organisation_id: str, principal: Principal) -> None:
        self._process = process
        self.organisation_id = organisation_id
        self.principal = principal

    @property
    def owner_id(self) -> None:
        """The organisation whose things alone may be touched: who has a shell may touch everybody's."""

    @property
    def services(self) -> Services:
        return self._process.services

    @property
    def has_server(self) -> bool:
        """Whether a server runs on this data, and hears what was changed."""
        return self._process.bus.is_connected

    def work(self) -> Work:
        return self.services.database.work()

    def note(
        self,
        work: Work,
        action: str,
        object_id: str,
        details: Mapping[str, Any] | None = None,
        *,
        before: State | None = None,
        after: State | None = None,
    ) -> None:
        """Add to the audit trail that the shell's user did this; `action` is "station.approve"."""
        self.services.accounts.audit(
            work,
            self.principal,
            action,
            object_kind=action.partition(".")[0],
            object_id=object_id,
            details=details,
            before=before,
            after=after,
        )

    async def station(self, identity: str) -> Station:
        """Return the station that calls itself so. Raises NotFound."""
        found = await self.services.stations.find_by_identity(identity)
        if found is None:
            raise NotFound(f"There is no station called {identity}.")
        return found

    async def role(self, name: str) -> str:
        """Return the id of the role of this name. Raises InvalidInput."""
        found = await self.services.accounts.find_role(name)
        if found is None:
            raise InvalidInput(f"There is no role called {name}.", field="role")
        return found.id

    async def organisation(self, name: str | None) -> str:
        """Return the id of the organisation of this name; without one the operator's. Raises InvalidInput."""
        if name is None:
            return self.organisation_id
        wanted = name.strip().casefold()
        found = [one for one in await self.services.accounts.organisations() if one.name.casefold() == wanted]
        if len(found) != 1:
            raise InvalidInput(f"There is {'no' if not found else 'more than one'} organisation called {name}.")
        return found[0].id

    async def readable(self, organisation_id: str) -> list[Scope]:
        """Return what a viewer reads, as far as anybody of the organisation can."""
        kind = (await self.services.accounts.organisation(organisation_id)).kind
        return sorted(ROLE_SCOPES[Role.VIEWER] & CEILINGS[kind])

    async def site(self, name: str) -> Site:
        """Return the site of this name. Raises InvalidInput."""
        found = await self.services.sites.find_by_name(name)
        if found is None:
            raise InvalidInput(f"There is no site called {name}.", field="site")
        return found

    async def driver(self, text: str) -> DriverRow:
        """Return the driver with this e-mail address, or of this name. Raises InvalidInput for none or several."""
        page = await list_drivers(self.services.database, DriverQuery(q=text, limit=MAX_LIMIT))
        by_email = [one for one in page.items if (one.email or "").casefold() == text.casefold()]
        found = by_email or [one for one in page.items if one.name.casefold() == text.casefold()]
        if len(found) != 1:
            many = "Several drivers are called" if found else "There is no driver"
            raise InvalidInput(f"{many} {text}.", field="driver")
        return found[0]

    async def has_charged(self, station: Station) -> bool:
        """Return whether there are transactions of the station."""
        return await transactions.has_charged(self.services.database, station.id)

    async def tell(self, stations: Sequence[Station]) -> None:
        """Let the server, if one runs, read anew what was changed of these stations."""
        if self.has_server:
            for station in stations:
                await self._reload(station.id)

    async def hang_up(self, station: Station, reason: str) -> bool:
        """Close the station's connection; False if there was none, or no server."""
        try:
            return self.has_server and await self._process.link.disconnect(station.id, reason)
        except (Unavailable, StationUnavailable) as error:
            log.warning("station.not_disconnected", station=station.identity, error=error.message)
            return False

    async def _reload(self, station_id: str) -> None:
        try:
            await self._process.link.reload(station_id)
        except (Unavailable, StationUnavailable) as error:
            log.warning("station.not_reloaded", station=station_id, error=error.message)


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[Administration]:
    """Open the data, and the line to the server if one runs. Raises SchemaMismatch, Unavailable, SettingsError."""
    await check_version(parts.storage_url(settings))
    is_running = await asyncio.to_thread(parts.bus_socket(settings).exists)
    async with parts.asking_process(settings, wait_s=SERVER_WAIT_S if is_running else 0.0) as process:
        async with process.services.database.work() as work:
            operator = await process.services.accounts.ensure_operator(work, settings.operator)
        yield Administration(process, operator.id, _principal())
        await process.services.accounts.seal_audit()  # no server need run to do it


def _principal() -> Principal:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = str(os.getuid())
    return Principal(kind=ActorKind.COMMAND_LINE, id=name, name=name, scopes=frozenset(Scope), door=Door.COMMAND_LINE)
