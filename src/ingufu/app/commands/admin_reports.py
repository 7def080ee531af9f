"""`ingufu admin reports`."""

from typing import Any

import click

from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.reports.model import State


@click.group()
def reports() -> None:
    """Figures of reports: gather them anew."""


@reports.command()
@click.option("--wait", is_flag=True, help="Gather them here and now, instead of leaving it to the web process.")
@desk.options
def rebuild(*, wait: bool, as_json: bool, **given: Any) -> None:
    """Gather all figures anew from sessions and charge records.

    Each day's old figures stay until its new ones are there. Only needed if figures are doubted: they follow late
    data and corrections by themselves.
    """

    async def begin(admin: Administration) -> State:
        kept = admin.services.reports
        async with admin.work() as work:
            begun = await kept.rebuild(work)
            admin.note(work, "reports.rebuild", "reports")
        while wait and await kept.gather_past():
            pass
        return begun

    begun = desk.at_desk(given, begin)
    done = "All figures are gathered anew" if wait else "Figures will be gathered anew while the server runs"
    desk.show(begun, f"{done}, from {begun.first_day} on.", as_json=as_json)
