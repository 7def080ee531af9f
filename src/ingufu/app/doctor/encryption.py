"""TLS of the listeners and of the console: files, keys, names and dates."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ingufu.app.doctor.findings import Finding, ok, problem, warning
from ingufu.app.doctor.machine import OTHERS_RIGHTS
from ingufu.app.settings import Settings

SOON = timedelta(days=21)
VERY_SOON = timedelta(days=3)
LEAST_RSA_BITS = 2048  # OCPP 2.x A00.FR.315


def check_tls(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look at every certificate that the settings name."""
    ocpp, http = settings.ocpp, settings.http
    pairs = [(file, key, ocpp.public_url) for file, key in zip(ocpp.certificates, ocpp.private_keys, strict=False)]
    if http.certificate:
        pairs.append((http.certificate, http.private_key, http.public_url))
    if not pairs:
        yield from _check_without(settings)
        return
    kinds: set[str] = set()
    for file, key, url in pairs:
        found = list(_check_pair(Path(file), Path(key), urlsplit(url).hostname if url else None, now, kinds))
        yield from found or [ok("certificate", f"{file} fits its key and its name, and is valid for long.")]
    if (ocpp.tls_listen or ocpp.mutual_tls_listen) and kinds and kinds != {"EC", "RSA"}:
        yield warning(
            "certificate kinds",
            f"The certificates are all {min(kinds)}; OCPP asks for one with an RSA and one with an ECDSA key.",
            "Add the other kind to ocpp.certificates, so that every station finds a cipher suite that it knows.",
        )
    if ocpp.client_authorities:
        yield from _check_authorities(Path(ocpp.client_authorities), now)


def _check_without(settings: Settings) -> Iterator[Finding]:
    is_open = not settings.ocpp.listen.startswith(("127.", "[::1]", "localhost")) and settings.ocpp.listen
    if is_open and not settings.ocpp.public_url.startswith("wss:"):
        yield warning(
            "TLS",
            "Stations connect without TLS, over a network: their passwords can be read on the way.",
            "Set ocpp.tls_listen with certificates, or have a proxy do it and set ocpp.public_url to wss://...",
        )
    else:
        yield ok("TLS", "No listener of ours uses it.")


def _check_pair(file: Path, key: Path, host: str | None, now: datetime, kinds: set[str]) -> Iterator[Finding]:
    try:
        certificate = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError) as error:
        yield problem(
            "certificate", f"{file} cannot be used: {error}", "Put the certificate with its chain there, as PEM."
        )
        return
    public = certificate.public_key()
    kinds.add("EC" if isinstance(public, ec.EllipticCurvePublicKey) else "RSA")
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        yield problem(
            "certificate", f"The key of {file} has {public.key_size} bits only.", "Use 2048 bits or an EC key."
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        yield problem("certificate", f"{key} is not the key of {file}: {error}", "Name the key that belongs to it.")
    else:
        if key.stat().st_mode & OTHERS_RIGHTS:
            yield warning("certificate", f"Other users of this machine may read {key}.", f"chmod 600 {key}")
    yield from _check_dates(str(file), certificate, now)
    if host is not None and not _names(certificate, host):
        yield problem(
            "certificate",
            f"{file} is not for {host}, by which stations and browsers reach this server.",
            "Have one issued with this name as a subject alternative name.",
        )


def _check_authorities(file: Path, now: datetime) -> Iterator[Finding]:
    try:
        authorities = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        yield problem(
            "client authorities", f"{file} cannot be used: {error}", "Put PEM certificates of authorities there."
        )
        return
    flaws = [
        flaw for one in authorities for flaw in _check_dates(f"{one.subject.rfc4514_string()} in {file}", one, now)
    ]
    yield from flaws or [ok("client authorities", f"{len(authorities)} in {file}, all valid for long.")]


def _check_dates(what: str, certificate: x509.Certificate, now: datetime) -> Iterator[Finding]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    lifetime = end - begin
    if now < begin:
        yield problem(
            "certificate", f"{what} is valid only from {begin:%Y-%m-%d}.", "Look at the clock of this machine."
        )
    elif now >= end:
        yield problem("certificate", f"{what} expired on {end:%Y-%m-%d}.", "Renew it; it is used without a restart.")
    elif end - now < min(VERY_SOON, lifetime / 10):
        yield problem("certificate", f"{what} expires on {end:%Y-%m-%d %H:%M} UTC.", "Renew it now.")
    elif end - now < min(SOON, lifetime / 4):
        yield warning(
            "certificate", f"{what} expires on {end:%Y-%m-%d}.", "Renew it soon; it is used without a restart."
        )


def _names(certificate: x509.Certificate, host: str) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    names = [name.casefold() for name in found.get_values_for_type(x509.DNSName)]
    wanted = host.casefold()
    wild = "*." + wanted.partition(".")[2]
    return wanted in addresses or wanted in names or wild in names
