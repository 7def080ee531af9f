"""What the settings say about signing in: rules, identity providers from their file, and the mail server."""

import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from ingufu.accounts.sign_in.model import Provider, SignInRules
from ingufu.app.settings import Settings
from ingufu.core.errors import SettingsError
from ingufu.infra.mail.model import MailRules, Security


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: tuple[Provider, ...] = ()


def sign_in_rules(settings: Settings) -> SignInRules:
    given = settings.sign_in
    return SignInRules(
        second_factor_for=frozenset(given.second_factor_for),
        step_s=given.step_minutes * 60,
        reset_s=given.reset_minutes * 60,
        invitation_s=given.invitation_days * 86_400,
        allows_private_providers=given.allows_private_providers,
    )


def mail_rules(settings: Settings) -> MailRules:
    """Return how mail is sent. Raises SettingsError."""
    given = settings.mail
    return MailRules(
        server=given.server,
        port=given.port,
        security=Security(given.security),
        user=given.user,
        password=_from_file(given.password_file, "mail.password_file") if given.password_file else given.password,
        sender=given.sender,
        timeout_s=given.timeout_s,
        authorities=given.authorities,
    )


def identity_providers(settings: Settings) -> tuple[Provider, ...]:
    """Return the identity providers of the file that the settings name, with their secrets. Raises SettingsError."""
    named = settings.sign_in.providers
    if not named:
        return ()
    try:
        found = msgspec.convert(tomllib.loads(Path(named).read_text(encoding="utf-8")), _File)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"sign_in.providers: {named} cannot be used: {error}.") from error
    names = [one.name for one in found.provider]
    if len(set(names)) < len(names):
        raise SettingsError(f"sign_in.providers: {named} names a provider twice.")
    return tuple(_checked(one, settings) for one in found.provider)


def _checked(provider: Provider, settings: Settings) -> Provider:
    where = f"sign_in.providers, provider {provider.name!r}"
    if not provider.name.replace("-", "").isalnum() or not provider.name.isascii():
        raise SettingsError(f"{where}: a name has letters, digits and hyphens.")
    scheme = urlsplit(provider.issuer).scheme
    if scheme != "https" and not (scheme == "http" and settings.sign_in.allows_private_providers):
        raise SettingsError(f"{where}: the issuer must be an https:// address.")
    if "openid" not in provider.scopes:
        raise SettingsError(f"{where}: the scopes must name openid.")
    if provider.client_secret_file:
        secret = _from_file(provider.client_secret_file, where)
    elif provider.client_secret_env:
        secret = os.environ.get(provider.client_secret_env, "")
        if not secret:
            raise SettingsError(f"{where}: the environment variable {provider.client_secret_env} is not set.")
    else:
        secret = provider.client_secret
    return msgspec.structs.replace(provider, client_secret=secret)


def _from_file(name: str, where: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: {name} cannot be read.") from error
