"""`ingufu doctor`."""

import sys
from typing import Any

import click

from ingufu.app.commands import running
from ingufu.app.doctor.examining import examine
from ingufu.app.doctor.findings import Finding, Level, problem, report
from ingufu.app.outcomes import FAILED
from ingufu.app.settings import Settings
from ingufu.core.clock import SystemClock
from ingufu.core.errors import SettingsError

_SIGNS = {Level.OK: "ok     ", Level.WARNING: "warning", Level.PROBLEM: "PROBLEM"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for scripts.")
@running.setting_options("http.listen", "ocpp.listen")
def doctor(*, as_json: bool, **given: Any) -> None:
    """Examine the installation: settings, data, database, TLS, ports, clock, limits, stations.

    Nothing is changed; the server may run meanwhile. Exit code 1 if there is a problem, 0 with warnings only.
    """
    try:
        settings = running.settings_of(given)
    except SettingsError as error:
        remedy = "Mend it where it says; docs/reference/settings.md has all settings."
        _tell([problem("settings", error.message, remedy)], as_json=as_json)
    else:
        _tell(running.run(lambda: _examine(settings)), as_json=as_json)


async def _examine(settings: Settings) -> list[Finding]:
    return [finding async for finding in examine(settings, SystemClock().now())]


def _tell(findings: list[Finding], *, as_json: bool) -> None:
    found = report(findings)
    if as_json:
        running.show_json(found)
    else:
        for finding in found.findings:
            running.say(f"{_SIGNS[finding.level]}  {finding.check}: {finding.says}")
            if finding.remedy:
                running.say(f"         -> {finding.remedy}")
        count = sum(finding.level is not Level.OK for finding in found.findings)
        running.say("All is well." if not count else f"{count} to look at, the worst is a {found.worst.value}.")
    if found.worst is Level.PROBLEM:
        sys.exit(FAILED)
