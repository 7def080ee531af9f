"""Whether settings that are right one by one also fit together, and name files that are there."""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ingufu.accounts.model import Role
from ingufu.accounts.sign_in.model import EVERYONE
from ingufu.app.settings import Settings, split_address
from ingufu.core.errors import SettingsError

Named = Callable[[str], str]  # a setting's path with where its value comes from

_ROLE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # of a role that people defined
LISTENERS = ("ocpp.listen", "ocpp.tls_listen", "ocpp.mutual_tls_listen")


def check(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raise SettingsError with the first contradiction. `origins`: where each value that was given stands."""

    def named(path: str) -> str:
        return f"{path}, {origins[path]}," if path in origins else f"{path}, which has its default,"

    for part in (_check_addresses, _check_urls, _check_certificates, _check_files, _check_mail, _check_sign_in):
        part(settings, named)


def _check_addresses(settings: Settings, named: Named) -> None:
    ocpp = settings.ocpp
    texts = dict(zip(LISTENERS, (ocpp.listen, ocpp.tls_listen, ocpp.mutual_tls_listen), strict=True))
    if not any(texts.values()):
        raise SettingsError(f"No station could connect: {', '.join(LISTENERS)} are all empty.")
    taken: dict[tuple[str, int], str] = {}
    for path, text in {"http.listen": settings.http.listen, **texts}.items():
        if not text and path != "http.listen":
            continue
        address = split_address(text, named(path).removesuffix(","))
        if address in taken:
            raise SettingsError(f"{named(path)} is {text!r}, but {taken[address]} listens there already.")
        if address[1]:
            taken[address] = path
    for text in settings.http.trusted_proxies:
        if not _is_ip(text):
            raise SettingsError(f"{named('http.trusted_proxies')} holds {text!r}; it must hold IP addresses.")


def _check_urls(settings: Settings, named: Named) -> None:
    ocpp, http, database = settings.ocpp, settings.http, settings.database
    base = ocpp.base_path
    if not base.startswith("/") or not base.isascii() or any(letter in base for letter in " ?#%") or "//" in base:
        raise SettingsError(
            f"{named('ocpp.base_path')} is {base!r}; it must be a path such as /ocpp, beginning with a slash."
        )
    if not settings.data.strip():
        raise SettingsError(f"{named('data')} is empty; it must name a folder.")
    if database and not database.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise SettingsError(
            f"{named('database')} must be a postgresql:// URL, or empty for an SQLite file in the data folder."
        )
    for path, url, schemes in (
        ("http.public_url", http.public_url, ("http", "https")),
        ("ocpp.public_url", ocpp.public_url, ("ws", "wss")),
    ):
        if url and not _is_url(url, schemes):
            raise SettingsError(f"{named(path)} is {url!r}; it must be a {schemes[0]}:// or {schemes[1]}:// address.")


def _check_certificates(settings: Settings, named: Named) -> None:
    ocpp, http = settings.ocpp, settings.http
    if (ocpp.tls_listen or ocpp.mutual_tls_listen) and not ocpp.certificates:
        raise SettingsError(
            f"{named('ocpp.certificates')} is empty, but a TLS listener is set: it needs a certificate."
        )
    if len(ocpp.certificates) != len(ocpp.private_keys):
        raise SettingsError(
            f"{named('ocpp.private_keys')} must name as many files as ocpp.certificates, in the same order."
        )
    if ocpp.mutual_tls_listen and not ocpp.client_authorities:
        raise SettingsError(
            f"{named('ocpp.client_authorities')} is empty, but ocpp.mutual_tls_listen needs to know whom to trust."
        )
    if bool(http.certificate) != bool(http.private_key):
        raise SettingsError(f"{named('http.private_key')} and http.certificate belong together: set both or none.")


def _check_mail(settings: Settings, named: Named) -> None:
    mail = settings.mail
    if mail.server and not parseaddr(mail.sender)[1]:
        raise SettingsError(f"{named('mail.sender')} must be an e-mail address, as mail.server is set.")
    if mail.server and not settings.http.public_url:
        raise SettingsError(f"{named('http.public_url')} is empty, but links in mails have to begin with it.")
    if mail.password and mail.password_file:
        raise SettingsError(f"{named('mail.password')} and mail.password_file are both set: set one.")


def _check_sign_in(settings: Settings, named: Named) -> None:
    known = {EVERYONE, *Role}
    for text in settings.sign_in.second_factor_for:
        if text not in known and not _ROLE_ID.fullmatch(text):
            near = get_close_matches(text, known, n=1)
            meant = f" Is {near[0]} meant?" if near else ""
            raise SettingsError(
                f"{named('sign_in.second_factor_for')} holds {text!r}, which is no role.{meant} It must hold"
                f" {', '.join(sorted(known))}, or ids of roles of your own."
            )


def _check_files(settings: Settings, named: Named) -> None:
    for setting, text in _files(settings):
        path = Path(text)
        if not path.is_file():
            raise SettingsError(f"{named(setting)} names {text}, and there is no such file.")
        try:
            path.open("rb").close()
        except OSError as error:
            raise SettingsError(f"{named(setting)} names {text}, which cannot be read: {error.strerror}.") from error


def _files(settings: Settings) -> Iterator[tuple[str, str]]:
    ocpp, http = settings.ocpp, settings.http
    yield from (("ocpp.certificates", text) for text in ocpp.certificates)
    yield from (("ocpp.private_keys", text) for text in ocpp.private_keys)
    for setting, text in (
        ("ocpp.client_authorities", ocpp.client_authorities),
        ("http.certificate", http.certificate),
        ("http.private_key", http.private_key),
        ("mail.password_file", settings.mail.password_file),
        ("mail.authorities", settings.mail.authorities),
        ("sign_in.providers", settings.sign_in.providers),
    ):
        if text:
            yield setting, text


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        return False
