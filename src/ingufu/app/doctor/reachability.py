"""Ports and processes: free for a server that does not run, ours where it does."""

import contextlib
import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from ingufu.app import listening
from ingufu.app.doctor.findings import Finding, ok, problem
from ingufu.app.locking import LOCK_FILE
from ingufu.app.settings import Settings, split_address
from ingufu.infra.storage.file_locks import FileLock

PATIENCE_S = 5.0

Health = tuple[int, str]  # HTTP status and the word for the stations' process


def is_running(folder: Path) -> bool:
    """Return whether a server holds the data folder."""
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        lock = FileLock(folder / LOCK_FILE)
    except OSError:
        return False
    with contextlib.closing(lock):
        return not lock.try_acquire()


def check_ports(
    settings: Settings, *, runs: bool, ask: Callable[[Settings], Health | None] | None = None
) -> Iterator[Finding]:
    """Look at each address that the server listens on or would."""
    health = (ask or ask_health)(settings) if runs else None
    addresses = {
        "http.listen": settings.http.listen,
        "ocpp.listen": settings.ocpp.listen,
        "ocpp.tls_listen": settings.ocpp.tls_listen,
        "ocpp.mutual_tls_listen": settings.ocpp.mutual_tls_listen,
    }
    for name, text in addresses.items():
        if not text:
            continue
        host, port = split_address(text, name)
        if port == 0:
            yield ok("ports", f"{name} takes any free port.")
        elif listening.is_free(host, port):
            yield from _free(name, text, runs=runs)
        elif not runs:
            yield problem("ports", f"{name}: another program listens on {text}.", "Stop it, or choose another port.")
        else:
            yield ok("ports", f"{name}: {text} is taken, and the server runs.")
    yield from _check_health(health, runs=runs)


def _free(name: str, text: str, *, runs: bool) -> Iterator[Finding]:
    if runs:
        yield problem(
            "ports",
            f"{name}: the server runs, but nothing listens on {text}.",
            "Restart it with the settings as they are now.",
        )
    else:
        yield ok("ports", f"{name}: {text} is free; the server does not run.")


def _check_health(health: Health | None, *, runs: bool) -> Iterator[Finding]:
    if not runs:
        return
    if health is None:
        yield problem(
            "web process", "The server runs, but console and API do not answer.", "Look into its log for web.* lines."
        )
    elif health[0] != 200:
        yield problem(
            "web process", f"It answers that something fails: {health[1]}.", "Look into the log; see /health."
        )
    else:
        yield ok("web process", "Console and API answer, and reach the process of the stations.")


def ask_health(settings: Settings) -> Health | None:
    """Return what `/health` says, None if nothing of ours answers."""
    host, port = split_address(settings.http.listen, "http.listen")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - as settings have it
    connection: http.client.HTTPConnection
    if settings.http.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the certificate is looked at elsewhere
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, f"database {told['database']}, stations {told['stations']}"
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    finally:
        connection.close()
