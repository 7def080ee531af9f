"""`ingufu admin site`."""

from typing import Any

import click

from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.sites.model import Site


@click.group()
def site() -> None:
    """Places where stations stand."""


@site.command(name="add")
@click.argument("name")
@click.option("--address", help="Street and number.")
@click.option("--city")
@click.option("--country", help="Two letters, as in RW.")
@click.option("--latitude", type=float)
@click.option("--longitude", type=float)
@click.option("--time-zone", help="As in Africa/Kigali. Default: UTC.")
@desk.options
def add_site(*, as_json: bool, **given: Any) -> None:
    """Add a site."""
    names = ("name", "address", "city", "country", "latitude", "longitude", "time_zone")
    fields: Any = {name: value for name in names if (value := given.pop(name)) is not None}  # named as SiteFields

    async def add(admin: Administration) -> Site:
        async with admin.work() as work:
            added = await admin.services.sites.create(work, organisation_id=admin.organisation_id, **fields)
            admin.note(work, "site.create", added.id, after=added)
        return added

    added = desk.at_desk(given, add)
    desk.show(added, f"Site {added.name} is added.", as_json=as_json)


@site.command(name="list")
@desk.options
def list_sites(*, as_json: bool, **given: Any) -> None:
    """List the sites."""
    sites = desk.at_desk(given, lambda admin: admin.services.sites.all())
    columns = {
        "NAME": lambda one: one.name,
        "CITY": lambda one: one.city or None,
        "COUNTRY": lambda one: one.country or None,
        "TIME ZONE": lambda one: one.time_zone,
    }
    desk.show_list(sites, columns, as_json=as_json)
