"""The web process from outside: started, and started again when it ends; stations never notice."""

import socket
import ssl
from collections.abc import Mapping

from ingufu.app import listening
from ingufu.app.children import Child
from ingufu.app.settings import HttpSettings, Settings, split_address
from ingufu.app.settings_loading import hand_over
from ingufu.core.errors import SettingsError


class WebSupervisor:
    """Holds the port of console and API, so that no request meets a closed door while the process is started anew."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._listener: socket.socket | None = None
        self._child: Child | None = None

    def open(self, http: HttpSettings) -> tuple[str, int]:
        """Take the port; return the address. Raises Unavailable if it is taken, SettingsError for a bad certificate."""
        check_certificate(http)
        host, port = split_address(http.listen, "http.listen")
        self._listener = listening.listener(host, port, "--http")
        bound: tuple[str, int] = self._listener.getsockname()[:2]
        return bound

    def start(self, settings: Settings) -> None:
        """Start the process with these settings on the port that was taken, and keep it running."""
        assert self._listener is not None  # noqa: S101 - `open` came before
        number = self._listener.fileno()
        environment = hand_over(settings, self._environment)
        self._child = Child("web", ("web", "--listener", str(number)), environment, inherits=(number,))
        self._child.start()

    async def stop(self) -> None:
        """Let the process finish what it has in hand, and give the port back."""
        if self._child is not None:
            await self._child.stop()
        if self._listener is not None:
            self._listener.close()


def check_certificate(http: HttpSettings) -> None:
    """Raise SettingsError if certificate and key cannot be used."""
    if http.certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(http.certificate, http.private_key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"http.certificate {http.certificate} and http.private_key {http.private_key} cannot be used: {error}."
            ) from error


def console_url(settings: Settings, address: tuple[str, int]) -> str:
    """Return where people find the console, with the port that was really taken."""
    if settings.http.public_url:
        return settings.http.public_url
    scheme = "https" if settings.http.certificate else "http"
    host, port = address
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{scheme}://{reachable}:{port}/"
