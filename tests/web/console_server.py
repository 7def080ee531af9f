"""The real console for browser tests: the web application on a seeded database, in a thread with a loop of its own."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from litestar import Litestar

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra import remote_link
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.services import Services
from ingufu.web.app import close_streams, create_app
from web.api.conftest import RecordingLink, make_context, make_services
from web.console.network import Network, seed
from web.quick import serving

T = TypeVar("T")
BEGINS = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
PASSWORD = "correct horse battery"
ADDRESSES = ("ws://127.0.0.1:9000/ocpp", "wss://ocpp.example.rw/ocpp")


class MovedClock:
    """The real clock, set to another date: time goes on, and pictures of two runs look alike."""

    def __init__(self, begins: datetime) -> None:
        self._begins = begins
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=time.monotonic() - self._began_s)

    def monotonic(self) -> float:
        return time.monotonic()


class Console:
    """A running console and what stands behind it. Coroutines of a test run in its loop by `run`."""

    def __init__(self, folder: Path, *, is_empty: bool = False) -> None:
        self.folder = folder
        self.is_empty = is_empty
        self.clock: Clock = MovedClock(BEGINS)
        self.link = RecordingLink()
        self.url = ""
        self._onlookers: dict[str, dict[str, Any]] = {}
        self.app: Litestar
        self.services: Services
        self.net: Network
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self._failure = error
        finally:
            self._started.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        url = StorageUrl(path=self.folder / "ingufu.sqlite")
        await migrate(url)
        database = await open_database(url)
        bus = MemoryBus()
        remote_link.serve(bus, self.link)

        def publish(events: Any) -> None:
            for event in events:
                bus.publish("events", msgspec.json.encode(event))

        database.publish = publish
        self.services = make_services(database, self.clock, IdMaker(self.clock))  # type: ignore[arg-type]
        await self._people()
        self.app = create_app(make_context(self.services, bus, ocpp_addresses=ADDRESSES))
        async with serving(self.app) as self.url:
            self._started.set()
            await self._stop.wait()
            close_streams(self.app)
        await database.close()

    async def _people(self) -> None:
        accounts = self.services.accounts
        async with self.services.database.work() as work:
            operator = await accounts.create_organisation(work, "Operator", OrganisationKind.OPERATOR)
        if not self.is_empty:
            self.net = await seed(self.services, operator.id, self.clock.now())
            self.link.online.update(self.net.online)
        for name, email, role in (
            ("Keza Mugisha", "keza@example.org", Role.OPERATOR),
            ("Jean Bosco", "jean@example.org", Role.VIEWER),
        ):
            async with self.services.database.work() as work:
                await accounts.create_user(
                    work,
                    organisation_id=operator.id,
                    email=email,
                    name=name,
                    password=PASSWORD,
                    grants=[RoleGrant(role=role)],
                )

    def log_in(self, email: str = "keza@example.org") -> dict[str, Any]:
        """Return a browser's state with the cookie of a log-in."""
        secret, _ = self.run(self.services.accounts.login(email, PASSWORD, address="127.0.0.1"))
        cookie = {"name": "ingufu_session", "value": secret, "url": self.url, "httpOnly": True, "sameSite": "Lax"}
        return {
            "cookies": [
                {key: value for key, value in cookie.items() if key != "url"}
                | {"domain": "127.0.0.1", "path": "/", "expires": -1, "secure": False}
            ],
            "origins": [],
        }

    def onlooker(self, email: str = "keza@example.org") -> dict[str, Any]:
        """Return the state of one log-in that all share who only look."""
        if email not in self._onlookers:
            self._onlookers[email] = self.log_in(email)
        return self._onlookers[email]

    def __enter__(self) -> Self:
        self._started = threading.Event()
        self._thread.start()
        assert self._started.wait(60)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure


@contextmanager
def running_console(folder: Path, *, is_empty: bool = False) -> Iterator[Console]:
    with Console(folder, is_empty=is_empty) as console:
        yield console
