"""`ingufu admin station`."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import click

from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.infra.secrets import make_station_password
from ingufu.infra.storage.database import Work
from ingufu.stations.model import Approval, BootAnswer, Station

Change = Callable[[Work, Station], Awaitable[Station]]


@click.group()
def station() -> None:
    """Stations: who may connect, and how."""


@station.command(name="add")
@click.argument("identity")
@click.option("--name", help="As the console shows it. Default: the identity.")
@click.option("--site", metavar="NAME", help="Where it stands.")
@click.option(
    "--security-profile",
    type=click.IntRange(0, 3),
    help="Lowest profile accepted: 1 password, 2 TLS, 3 client certificate; 0 lets it in without anything.",
)
@click.option("--no-password", is_flag=True, help="Set none now (profiles 0 and 3 need none).")
@desk.password_options
@desk.options
def add_station(
    identity: str,
    name: str | None,
    site: str | None,
    security_profile: int | None,
    *,
    no_password: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Add a station. Its password is asked for; without a terminal it is made and shown once."""
    password, is_made = _password(given, is_wanted=not no_password)

    async def add(admin: Administration) -> Station:
        site_id = (await admin.site(site)).id if site else None
        fields: dict[str, Any] = {"name": name, "site_id": site_id, "security_profile": security_profile}
        async with admin.work() as work:
            added = await admin.services.stations.create(
                work,
                identity,
                password=password,
                **{name: value for name, value in fields.items() if value is not None},
            )
            admin.note(work, "station.create", added.id, after=added)
        return added

    added = desk.at_desk(given, add)
    _show_password(added, f"Station {added.identity} is added.", password if is_made else None, as_json=as_json)


@station.command(name="list")
@click.option("--waiting", is_flag=True, help="Only those that wait for approval.")
@desk.options
def list_stations(*, waiting: bool, as_json: bool, **given: Any) -> None:
    """List the stations."""
    stations = desk.at_desk(given, lambda admin: admin.services.stations.all())
    shown = [one for one in stations if not waiting or one.approval is Approval.WAITING]
    columns = {
        "IDENTITY": lambda one: one.identity,
        "NAME": lambda one: one.name,
        "APPROVAL": lambda one: one.approval,
        "BOOT ANSWER": lambda one: one.boot_answer,
        "PROFILE": lambda one: one.security_profile,
        "ONLINE": lambda one: one.is_online,
        "OCPP": lambda one: one.ocpp_version,
        "LAST SEEN": lambda one: one.last_seen_at,
    }
    desk.show_list(shown, columns, as_json=as_json)


@station.command(name="approve")
@click.argument("identity")
@click.option("--keep-password", is_flag=True, help="Take the password with which it called while it waited.")
@desk.options
def approve_station(identity: str, *, keep_password: bool, as_json: bool, **given: Any) -> None:
    """Let a station in that waits or was refused."""

    async def change(admin: Administration) -> Station:
        stations = admin.services.stations
        return await _change(
            admin,
            identity,
            "station.approve",
            lambda work, found: stations.approve(work, found.id, keeps_password=keep_password),
        )

    changed = desk.at_desk(given, change)
    hint = "" if changed.password_hash or changed.security_profile in {0, 3} else " It has no password yet: set one."
    desk.show(changed, f"Station {changed.identity} is approved.{hint}", as_json=as_json)


@station.command(name="refuse")
@click.argument("identity")
@desk.options
def refuse_station(identity: str, *, as_json: bool, **given: Any) -> None:
    """Turn a station away, and close its connection if it has one."""

    async def change(admin: Administration) -> Station:
        stations = admin.services.stations
        changed = await _change(admin, identity, "station.refuse", lambda work, found: stations.refuse(work, found.id))
        await admin.hang_up(changed, "refused by an operator")
        return changed

    changed = desk.at_desk(given, change)
    desk.show(changed, f"Station {changed.identity} is refused.", as_json=as_json)


@station.command(name="password")
@click.argument("identity")
@desk.password_options
@desk.options
def set_password(identity: str, *, as_json: bool, **given: Any) -> None:
    """Give a station a new Basic password here; typing it into the station is another matter."""
    password, is_made = _password(given, is_wanted=True)

    async def change(admin: Administration) -> Station:
        stations = admin.services.stations
        return await _change(
            admin,
            identity,
            "station.password",
            lambda work, found: stations.set_password(work, found.id, password or ""),
        )

    changed = desk.at_desk(given, change)
    _show_password(
        changed, f"Station {changed.identity} has a new password.", password if is_made else None, as_json=as_json
    )


@station.command(name="boot-answer")
@click.argument("identity")
@click.argument("answer", type=click.Choice([answer.value for answer in BootAnswer], case_sensitive=False))
@desk.options
def set_boot_answer(identity: str, answer: str, *, as_json: bool, **given: Any) -> None:
    """Decide what a station hears when it boots: Accepted, Pending or Rejected."""

    async def change(admin: Administration) -> Station:
        stations = admin.services.stations
        return await _change(
            admin,
            identity,
            "station.boot-answer",
            lambda work, found: stations.update(work, found.id, boot_answer=BootAnswer(answer)),
        )

    changed = desk.at_desk(given, change)
    desk.show(changed, f"Station {changed.identity} hears {answer} at its next boot.", as_json=as_json)


@station.command(name="remove")
@click.argument("identity")
@click.option("--yes", is_flag=True, help="Do not ask.")
@desk.options
def remove_station(identity: str, *, yes: bool, as_json: bool, **given: Any) -> None:
    """Remove a station; one that has charged is only retired, because its sessions name it."""
    if not yes:
        click.confirm(f"Remove station {identity}?", abort=True, err=True)

    async def remove(admin: Administration) -> tuple[Station, bool]:
        found = await admin.station(identity)
        has_charged = await admin.has_charged(found)
        async with admin.work() as work:
            is_gone = await admin.services.stations.delete(work, found.id, has_charged=has_charged)
            admin.note(work, "station.delete", found.id, {"is_gone": is_gone}, before=found)
        return found, is_gone

    found, is_gone = desk.at_desk(given, remove)
    what = "is removed" if is_gone else "is retired: it has charged, and its sessions stay"
    desk.show(found, f"Station {found.identity} {what}.", as_json=as_json, is_gone=is_gone)


async def _change(admin: Administration, identity: str, action: str, change: Change) -> Station:
    found = await admin.station(identity)
    async with admin.work() as work:
        changed = await change(work, found)
        admin.note(work, action, found.id, before=found, after=changed)
    await admin.tell([changed])
    return changed


def _password(given: dict[str, Any], *, is_wanted: bool) -> tuple[str | None, bool]:
    if not is_wanted:
        given.pop("password_stdin")
        given.pop("generate")
        return None, False
    return desk.given_password(given, lambda: make_station_password(secrets.token_bytes))


def _show_password(found: Station, sentence: str, made: str | None, *, as_json: bool) -> None:
    if made is None:
        desk.show(found, sentence, as_json=as_json)
    else:
        desk.show(found, f"{sentence} Password, shown only now: {made}", as_json=as_json, password=made)
