"""The bench for each scenario, whose frames are judged at its end, and the table of results if it is asked for."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from structlog.testing import capture_logs

from conformance import report
from conformance.bench import Bench
from conftest import run_sql
from ingufu.accounts.model import OrganisationKind, Scope
from ingufu.app.settings import CertificatesSettings, ConfigurationSettings, OcppSettings
from ingufu.core.ids import IdMaker
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.ocpp.catalogue import Catalogue
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.web.app import create_app
from ingufu.web.context import WebContext, WebSettings
from scenarios.virtual import virtual_house

CALM = ConfigurationSettings(takes_inventory=False, applies_desired=False, repairs_drift=False)
PATIENT = CertificatesSettings(allows_private_responders=True, responder_timeout_s=20, patience_s=30)
PLAIN = OcppSettings(drain_s=0.0, messages_per_s=100_000.0, interval_jitter=0.0)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESULTS = pytest.StashKey[dict[tuple[str, str], str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-report", metavar="FILE", help="write what came of each case to this file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    made = yield
    case = getattr(getattr(item, "function", None), "case", None)
    if case is not None:
        version = item.callspec.params["version"]  # type: ignore[attr-defined]
        results = item.config.stash[RESULTS]
        results[case.number, version] = "failed" if made.failed else results.get((case.number, version), "passed")
    return made


def pytest_sessionfinish(session: pytest.Session) -> None:
    target = session.config.getoption("--conformance-report", default=None)
    if target:
        Path(target).write_text(report.document(session.config.stash[RESULTS]), encoding="utf-8")


@pytest.fixture(autouse=True)
def logs() -> Iterator[Any]:
    """What is logged; rendering it would take longer than most scenarios."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture(params=["sqlite"])
async def storage_url(request: pytest.FixtureRequest, _makers: Any, tmp_path: Path) -> AsyncIterator[StorageUrl]:
    """As everywhere, but on SQLite alone unless a scenario asks for `both_engines`: the cases are about what is said."""
    if request.param == "sqlite":
        yield await _makers.sqlite(tmp_path)
        return
    server = request.getfixturevalue("postgresql_server")
    url, name = await _makers.postgresql(server)
    yield url
    await run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def applications() -> dict[str, Litestar]:
    """The application, made once: that takes longer than most scenarios."""
    return {}


@pytest.fixture
async def bench(
    database: Database, ids: IdMaker, tmp_path: Path, version: str, applications: dict[str, Litestar]
) -> AsyncIterator[Bench]:
    """A gateway that does nothing by itself, a client with all rights, and no station; at the end all is judged."""
    timeline = VirtualTimeline(START)
    async with virtual_house(
        database,
        timeline,
        ids,
        ocpp=PLAIN,
        configuration=CALM,
        certificates=PATIENT,
        data=str(tmp_path),
        greeting_delay_s=3600.0,
    ) as house:
        async with database.work() as work:
            owner = await house.services.accounts.create_organisation(work, "Operator", OrganisationKind.OPERATOR)
        async with database.work() as work:
            _, secret = await house.services.accounts.create_key(
                work, organisation_id=owner.id, name="tester", scopes=tuple(Scope)
            )
        context = WebContext(
            services=house.services, link=house.link, bus=MemoryBus(), catalogue=Catalogue(),
            settings=WebSettings(version="0.1.0-test", call_timeout_s=20.0),
        )  # fmt: skip
        app = applications.setdefault("app", create_app(context)) if not applications else applications["app"]
        app.state["web"] = context
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(
            transport=transport, base_url="http://csms.test", headers={"Authorization": f"Bearer {secret}"}
        )
        async with client:
            bench = Bench(house, client, timeline, version)
            yield bench
    assert bench.judge.faults == []
    assert bench.judge.heard or bench.is_without_frames
