"""One examination: every check in order, each alone, so that what breaks one hides no other."""

from collections.abc import AsyncIterator
from datetime import datetime

from ingufu.accounts.chain import Verification
from ingufu.app import parts
from ingufu.app.doctor import encryption, machine, reachability, storage, trail
from ingufu.app.doctor import stations as station_checks
from ingufu.app.doctor.findings import Finding, Level, ok, problem
from ingufu.app.settings import Settings
from ingufu.core.clock import SystemClock
from ingufu.core.errors import IngufuError
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.opening import open_database
from ingufu.stations.model import Station


async def examine(settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    """Yield what each check finds. Nothing is changed, and no station notices."""
    yield ok("settings", "They are right one by one and fit together.")
    folder = settings.data_folder
    for found in (
        machine.check_folder(folder),
        machine.check_space(folder),
        machine.check_backups(settings.backups, now),
        machine.check_clock(folder, now),
        encryption.check_tls(settings, now),
        reachability.check_ports(settings, runs=reachability.is_running(folder)),
    ):
        for finding in found:
            yield finding
    is_sound = True
    async for finding in storage.check_database(parts.storage_url(settings)):
        is_sound = is_sound and (finding.level is not Level.PROBLEM) and "yet" not in finding.says
        yield finding
    if not is_sound:
        return
    try:
        known, trail_found = await _register(settings)
    except IngufuError as error:
        yield problem("register", f"It cannot be read: {error.message}", "See what was said of the database.")
        return
    for finding in (*machine.check_descriptors(len(known)), *station_checks.check_stations(known, now)):
        yield finding
    for finding in trail.check_trail(trail_found):
        yield finding


async def _register(settings: Settings) -> tuple[list[Station], Verification]:
    clock = SystemClock()
    database = await open_database(parts.storage_url(settings))
    try:
        services = parts.services_of(settings, database, clock, IdMaker(clock))
        return await services.stations.all(), await services.accounts.verify_audit(pause=0.0)
    finally:
        await database.close()
