"""A tiny server on loopback that shows the style guide under the console's own security policy."""

import json
import mimetypes
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from ingufu.accounts.model import ActorKind, Principal, Scope
from ingufu.core.clock import FrozenClock
from ingufu.web.assets import STATIC_FOLDER, load_assets
from ingufu.web.console.navigation import areas_for
from ingufu.web.console.rendering import make_environment
from web.sample import NOW, day_chart, make_sample, map_sites, session_chart

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
SIGN_IN = """
{% extends "lone.html" %}
{% from "parts/form.html" import text_field %}
{% block card %}<h1>Sign in</h1>
<form class="stack" method="post" action="/sign-in">
{{ text_field("email", "E-mail", type="email", attributes={"autocomplete": "username"}) }}
{{ text_field("password", "Password", type="password", error="The e-mail or the password is wrong.", attributes={"autocomplete": "current-password"}) }}
<button class="btn btn-primary" type="submit">Sign in</button></form>{% endblock %}
"""
USER = {"name": "Keza Mugisha", "role": "Operator"}
KEZA = Principal(kind=ActorKind.USER, id="u", name="Keza Mugisha", scopes=frozenset(Scope))


class Gallery(ThreadingHTTPServer):
    """Serves the style guide, its data and a live stream that a test feeds through `push`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = {
            "/console/session.json": session_chart(),
            "/console/day.json": day_chart(),
            "/console/map.json": map_sites(),
        }
        self.streams: list[queue.Queue[str | None]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def page(self, path: str, query: str) -> str:
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        environment = make_environment(assets=load_assets(), clock=FrozenClock(NOW), locale=asked.get("lang", "en"))
        frame = {
            "page_title": "Style guide",
            "csrf_token": "sample",
            "user": USER,
            "section": "stations",
            "areas": areas_for(KEZA),
            "nav_counts": {"attempts": 3},
        }
        if path == "/sign-in":
            return environment.from_string(SIGN_IN).render(frame)
        sample = make_sample()
        sample.rows = [row for row in sample.rows if asked.get("q", "").lower() in row.name.lower()]
        return environment.get_template("styleguide.html").render(frame, sample=sample)

    def push(self, event: str, data: object) -> None:
        with self.lock:
            for stream in self.streams:
                stream.put(f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def hang_up(self) -> None:
        with self.lock:
            for stream in self.streams:
                stream.put(None)


class _Handler(BaseHTTPRequestHandler):
    server: Gallery

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path in {"/", "/sign-in"}:
            self.answer(self.server.page(address.path, address.query).encode(), "text/html; charset=utf-8")
        elif address.path in self.server.data:
            self.answer(json.dumps(self.server.data[address.path]).encode(), "application/json")
        elif address.path == "/live":
            self.stream()
        elif (
            address.path.startswith("/static/")
            and (file := STATIC_FOLDER / address.path.removeprefix("/static/")).is_file()
        ):
            self.answer(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        else:
            self.send_error(404)

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        events: queue.Queue[str | None] = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        self.wfile.flush()
        with self.server.lock:
            self.server.streams.append(events)
        while (event := events.get()) is not None:
            try:
                self.wfile.write(event.encode())
                self.wfile.flush()
            except OSError:
                break

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serve_gallery() -> Iterator[Gallery]:
    with Gallery() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.hang_up()
            server.shutdown()
            thread.join()
