"""`ingufu admin user`."""

from typing import Any

import click

from ingufu.accounts.model import Role, RoleGrant, User
from ingufu.app.administration import Administration
from ingufu.app.commands import desk
from ingufu.core.errors import NotFound


@click.group()
def user() -> None:
    """People who log in to the console."""


@user.command(name="add")
@click.argument("email")
@click.option("--name", help="As the console shows it. Default: the address.")
@click.option(
    "--role", default=Role.OPERATOR.value, show_default=True, help="One that is built in, or the name of one of yours."
)
@click.option("--organisation", metavar="NAME", help="A host or fleet whose they are. Default: the operator.")
@click.option("--site", "sites", multiple=True, metavar="NAME", help="Only this site; may be given several times.")
@click.option("--language", default="en", show_default=True)
@desk.password_options
@desk.options
def add_user(
    email: str,
    name: str | None,
    role: str,
    organisation: str | None,
    sites: tuple[str, ...],
    language: str,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """Add a user. The password is asked for; without a terminal it is made and shown once."""
    password, is_made = desk.given_password(given, desk.make_password)

    async def add(admin: Administration) -> User:
        held = await admin.role(role)
        grants = [RoleGrant(role=held, site_id=(await admin.site(site)).id) for site in sites]
        async with admin.work() as work:
            added = await admin.services.accounts.create_user(
                work,
                organisation_id=await admin.organisation(organisation),
                email=email,
                name=name or email,
                password=password,
                grants=grants or [RoleGrant(role=held)],
                language=language,
            )
            admin.note(work, "user.create", added.id, after=added)
        return added

    added = desk.at_desk(given, add)
    _show(added, f"{added.email} is added as {role}.", password if is_made else None, as_json=as_json)


@user.command(name="list")
@desk.options
def list_users(*, as_json: bool, **given: Any) -> None:
    """List the users."""
    users = desk.at_desk(given, lambda admin: admin.services.accounts.users())
    columns = {
        "E-MAIL": lambda one: one.email,
        "NAME": lambda one: one.name,
        "ROLE": lambda one: ", ".join(sorted({grant.role for grant in one.grants})) or None,
        "SITES": lambda one: len({grant.site_id for grant in one.grants if grant.site_id}) or "all",
        "DISABLED": lambda one: one.disabled_at,
    }
    desk.show_list(users, columns, as_json=as_json)


@user.command(name="password")
@click.argument("email")
@desk.password_options
@desk.options
def set_password(email: str, *, as_json: bool, **given: Any) -> None:
    """Give a user a new password; log-ins with the old one end."""
    password, is_made = desk.given_password(given, desk.make_password)

    async def change(admin: Administration) -> User:
        found = await _find(admin, email)
        async with admin.work() as work:
            changed = await admin.services.accounts.set_user_password(work, found.id, password)
            admin.note(work, "user.password", found.id, before=found, after=changed)
        return changed

    changed = desk.at_desk(given, change)
    _show(changed, f"{changed.email} has a new password.", password if is_made else None, as_json=as_json)


@user.command(name="disable")
@click.argument("email")
@desk.options
def disable_user(email: str, *, as_json: bool, **given: Any) -> None:
    """Let a user log in no more. What they did stays in the audit trail."""
    changed = desk.at_desk(given, lambda admin: _set_disabled(admin, email, is_disabled=True))
    desk.show(changed, f"{changed.email} can no longer log in.", as_json=as_json)


@user.command(name="enable")
@click.argument("email")
@desk.options
def enable_user(email: str, *, as_json: bool, **given: Any) -> None:
    """Let a disabled user log in again."""
    changed = desk.at_desk(given, lambda admin: _set_disabled(admin, email, is_disabled=False))
    desk.show(changed, f"{changed.email} can log in again.", as_json=as_json)


@user.command(name="reset-second-factor")
@click.argument("email")
@desk.options
def reset_second_factor(email: str, *, as_json: bool, **given: Any) -> None:
    """Remove app, recovery codes and passkeys of a user who lost them; every log-in of theirs ends."""

    async def reset(admin: Administration) -> User:
        found = await _find(admin, email)
        async with admin.work() as work:
            await admin.services.sign_in.factors.reset(work, found.id)
            admin.note(work, "user.reset_factors", found.id)
        return found

    changed = desk.at_desk(given, reset)
    desk.show(changed, f"{changed.email} has no second factor and no passkey any more.", as_json=as_json)


async def _set_disabled(admin: Administration, email: str, *, is_disabled: bool) -> User:
    found = await _find(admin, email)
    async with admin.work() as work:
        changed = await admin.services.accounts.update_user(work, found.id, is_disabled=is_disabled)
        admin.note(work, "user.disable" if is_disabled else "user.enable", found.id, before=found, after=changed)
    return changed


async def _find(admin: Administration, email: str) -> User:
    found = await admin.services.accounts.find_user(email)
    if found is None:
        raise NotFound(f"There is no user {email}.")
    return found


def _show(found: User, sentence: str, made: str | None, *, as_json: bool) -> None:
    if made is None:
        desk.show(found, sentence, as_json=as_json)
    else:
        desk.show(found, f"{sentence} Password, shown only now: {made}", as_json=as_json, password=made)
