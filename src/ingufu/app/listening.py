"""Addresses that are listened on, and the sentence about one that cannot be."""

import errno
import socket

from ingufu.app.settings import OcppSettings, split_address
from ingufu.core.errors import Unavailable

BACKLOG = 1024  # browsers and clients that come while the web process is started anew wait here


def listener(host: str, port: int, flag: str) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one. Raises Unavailable with what to do about it."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Unavailable(cannot_listen(host, port, flag, error)) from error


def is_free(host: str, port: int) -> bool:
    """Return whether one could listen there now."""
    try:
        listener(host, port, "").close()
    except Unavailable:
        return False
    return True


def check_free(ocpp: OcppSettings) -> None:
    """Raise Unavailable if a station could not be listened for, before anything else is begun."""
    for name, text in (
        ("--ocpp", ocpp.listen),
        ("ocpp.tls_listen", ocpp.tls_listen),
        ("ocpp.mutual_tls_listen", ocpp.mutual_tls_listen),
    ):
        if text:
            listener(*split_address(text, name), name).close()


def shown(host: str, port: int) -> str:
    """Return the address as settings have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot_listen(host: str, port: int, flag: str, error: OSError) -> str:
    """Return why `host`:`port` cannot be listened on, and what to do about it."""
    address = shown(host, port)
    if isinstance(error, socket.gaierror):
        return f"{address} is no address of this machine: the name {host} is not known."
    reason = _REASONS.get(error.errno or 0, f"{(error.strerror or str(error)).lower()}. Choose another address")
    return f"{address} cannot be listened on: {reason} with {flag}."


_REASONS = {
    errno.EADDRINUSE: "another program listens there already. Stop it, or choose another port",
    errno.EACCES: "ports below 1024 need rights that this user does not have. Choose a higher port",
    errno.EADDRNOTAVAIL: "this machine has no such address. Choose one that it has",
}
