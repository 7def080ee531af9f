"""Who imports: the command line at its desk, and people and programs by the web."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ingufu.accounts.service.changes import State
from ingufu.infra.storage.database import Work
from ingufu.services import Services
from ingufu.stations.model import Station


class Desk(Protocol):
    """What an import needs of who does it."""

    @property
    def services(self) -> Services: ...

    @property
    def organisation_id(self) -> str:
        """Whose new drivers, cards and groups are."""

    @property
    def owner_id(self) -> str | None:
        """The organisation whose drivers, cards and groups alone may be touched; None: everybody's."""

    def work(self) -> Work: ...

    def note(  # one line of the audit trail
        self,
        work: Work,
        action: str,
        object_id: str,
        details: Mapping[str, Any] | None = None,
        *,
        before: State | None = None,
        after: State | None = None,
    ) -> None:
        """Add to the audit trail who did it."""


class StationDesk(Desk, Protocol):
    """One at which stations are entered as well."""

    async def tell(self, stations: Sequence[Station]) -> None: ...

    async def hang_up(self, station: Station, reason: str) -> bool: ...
