"""What goes when it is old, what is kept, and the figures of the gateway's process by name."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingufu.accounts.jobs import AuditKeeper
from ingufu.app import housekeeping
from ingufu.app.compose import gateway_process
from ingufu.app.housekeeping import figures, keep_house, metrics_responder, tidy
from ingufu.app.retention import retention_rules
from ingufu.app.settings import OcppSettings, RetentionSettings, Settings
from ingufu.core.errors import TooManyRequests
from ingufu.infra.ending import end
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.model import Attempt, AttemptOutcome, StationRules
from ingufu.stations.service import Stations
from ingufu.stations.store import strangers
from kept import Sent, keep

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_setting_of_retention_has_a_rule_that_obeys_it():
    days = {name: number for number, name in enumerate(RetentionSettings.__struct_fields__, 1)}
    rules = retention_rules(RetentionSettings(**days))
    days.pop("audit_days")  # of the audit trail the chain must go on from what is left: `prune_audit`
    assert {f"{rule.name}_days": rule.days for rule in rules}.items() >= days.items()


def test_log_ins_and_their_failures_and_repeats_of_requests_go_too():
    names = {rule.name for rule in retention_rules(RetentionSettings())}
    assert {"logins", "login_failures", "idempotency"} <= names


async def test_what_is_too_old_goes_and_the_rest_stays(desk, clock):
    services = desk.services
    old, young = NOW - timedelta(days=40), NOW - timedelta(days=20)
    for number, at in enumerate((old, young, NOW)):
        keep(services.stations.frames, [Sent(at, "s", f"[{number}]")])
        services.stations.record_attempt(
            Attempt(
                id=str(number), at=at, last_at=at, listener="plain", address="127.0.0.1", identity="A",
                outcome=AttemptOutcome.CONNECTED,
            )
        )  # fmt: skip
        clock.set(at)
        async with desk.work() as work:
            await services.stations.create(work, f"S{number}")
            desk.note(work, "station.create", f"S{number}")
    await services.database.writer.flush()
    await tidy(services, RetentionSettings(frames_days=30, attempts_days=10, events_days=30))
    frames = await services.stations.frames.frames_of("s")
    assert [frame.text for frame in frames] == ["[2]", "[1]"]
    assert len(await services.accounts.audit_trail()) == 3  # for ever, unless set
    await AuditKeeper(services.accounts, clock, kept_days=30).prune()
    assert len(await services.accounts.audit_trail()) == 3  # two, and that one was pruned


async def test_strangers_that_called_once_make_way_after_a_day_and_those_that_still_call_stay(
    desk, clock, ids, monkeypatch
):
    monkeypatch.setattr(strangers, "PRUNED_AT_ONCE", 3)
    stations = Stations(desk.services.database, clock, ids, StationRules(max_waiting=8))
    for number in range(8):
        async with desk.work() as work:
            await stations.discover(work, f"FAKE-{number}", address="192.0.2.66")
    with pytest.raises(TooManyRequests):
        await stations.discover(desk.work(), "NEW", address="192.0.2.66")
    clock.advance(86_400 / 2)
    calling = await stations.find_by_identity("FAKE-5")
    stations.seen(calling.id, clock.now())
    await tidy(desk.services, RetentionSettings())
    assert len(await stations.all()) == 8
    clock.advance(86_400 / 2 + 1)
    await tidy(desk.services, RetentionSettings())
    assert [one.identity for one in await stations.all()] == ["FAKE-5"]
    async with desk.work() as work:
        await stations.discover(work, "NEW", address="192.0.2.66")


async def test_a_failure_is_tried_again_and_ends_nothing(desk, monkeypatch):
    came = asyncio.Event()
    calls = []

    async def fail(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            came.set()
        raise ZeroDivisionError

    monkeypatch.setattr(housekeeping, "prune", fail)
    monkeypatch.setattr(housekeeping, "PRUNE_EVERY_S", 0.01)
    task = asyncio.create_task(keep_house(desk.services, RetentionSettings(), first_s=0))
    await asyncio.wait_for(came.wait(), 10)
    assert not task.done()
    await end(task)


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=str(tmp_path), ocpp=OcppSettings(listen="127.0.0.1:0"))
    await migrate(StorageUrl.parse(None, settings.data_folder))
    return settings


async def test_the_figures_have_these_names_and_can_be_read_before_and_after_the_start(settings):
    async with gateway_process(settings) as process:
        names = {figure.name for figure in figures(process)}
        assert names == {
            f"ingufu_{name}"
            for name in (
                "stations_connected", "sockets_open", "handshakes_open", "handshakes_delayed", "upgrades",
                "connections_refused", "connections_failed", "sockets_closed", "messages_received", "messages_sent",
                "bytes_received", "half_open", "stalled", "oversized", "protocol_violations", "read_pauses",
                "handler_failures", "commits", "units_of_work", "units_waiting", "storage_failing", "rows_lost", "web_processes",
                "live_events_dropped", "quirks_met",
            )
        }  # fmt: skip
        process.services.stations.quirks.met("a-station", 33)
        respond = metrics_responder(process)
        before = (await respond(b"")).decode()
        assert "ingufu_sockets_open 0.0" in before
        assert 'ingufu_quirks_met_total{quirk="33"} 1.0' in before
        bound = await process.gateway.start(process.endpoints)
        reader, writer = await asyncio.open_connection(*bound["plain"])
        writer.write(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
        after = (await respond(b"")).decode()
        await process.gateway.stop()
    lines = [line for line in after.splitlines() if line.startswith("ingufu_connections_")]
    assert any(line.endswith(" 1.0") for line in lines), after
    assert "# TYPE ingufu_commits_total counter" in after
    assert "process_resident_memory_bytes" in after
    for figure in names:
        assert figure in after
