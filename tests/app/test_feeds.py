"""A price feed is fetched by the processes that `ingufu serve` starts, and prices what follows."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from app.processes import PATIENCE_S, Server, serving

FEED = b'[{"from": "2020-01-01T00:00Z", "price": 80.5}]'


class Market(ThreadingHTTPServer):
    """Answers with prices, and lets it be known that it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked = threading.Event()


class Answering(BaseHTTPRequestHandler):
    server: Market

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(FEED)))
        self.end_headers()
        self.wfile.write(FEED)
        self.server.asked.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def market() -> Iterator[Market]:
    server = Market()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


def make_feed(server: Server, key: str, address: str) -> str:
    body = {"name": "Spot", "currency": "EUR", "unit": "MWh", "address": address}
    status, made = server.request("/api/v1/price-feeds", method="POST", key=key, body=body)
    assert status == 201, made
    return str(made["id"])


def test_a_feed_that_is_made_is_fetched_at_once_and_priced_by(tmp_path: Path) -> None:
    more = {"INGUFU_TARIFFS_ALLOWS_PRIVATE_FEEDS": "true"}
    with market() as asked, serving(tmp_path / "data", **more) as server:
        key = server.make_key("tariffs:read", "tariffs:write")
        feed_id = make_feed(server, key, f"http://127.0.0.1:{asked.server_port}/prices?key=s3cret")
        assert asked.asked.wait(PATIENCE_S)
        energy = {"dimension": "ENERGY", "price": "0.10", "feed": {"feed_id": feed_id}}
        terms = {"currency": "EUR", "elements": [{"components": [energy]}]}
        body = {"usage": {"energy_kwh": "10", "charging_min": "30"}, "terms": terms}
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:  # each turn is a request: what was answered is stored soon
            _, feed = server.request(f"/api/v1/price-feeds/{feed_id}", key=key)
            if feed["price_count"]:
                break
        assert (feed["error"], feed["price"]) == ("", "0.0805")
        assert "s3cret" not in str(feed)
        status, preview = server.request("/api/v1/tariffs/preview", method="POST", key=key, body=body)
        assert (status, preview["price"]["net"]) == (200, "1.805")
