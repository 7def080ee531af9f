"""The headers that protect, on every answer there is: each page and each route of the API, to strangers and to users."""

import re
from collections.abc import Iterator

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from ingufu.accounts.model import Role
from web.api.conftest import House

ENDLESS = re.compile(r"/(live|events)(/|$)|/stream")  # they stream: test_live hears them
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
}


def targets(app: Litestar) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        path = re.sub(r"\{\w+:(\w+)\}", lambda found: "1" if found[1] == "int" else "nothing", route.path)
        for method in route.methods:
            if method != "OPTIONS":
                yield method, path


@pytest.mark.parametrize("settings", [{"public_url": "https://csms.example.org"}])
async def test_every_answer_is_protected(house: House, settings: dict[str, str]) -> None:
    await house.user(Role.ADMIN)
    secret, _ = await house.services.accounts.login("keza@example.org", "correct horse battery", address="127.0.0.1")
    transport = httpx.ASGITransport(app=house.app)  # type: ignore[arg-type]
    cookies = {"__Host-ingufu_session": secret}
    walked, bad = 0, []
    async with httpx.AsyncClient(transport=transport, base_url=house.url, cookies=cookies) as client:
        for method, path in targets(house.app):
            if method == "HEAD" or (method == "GET" and ENDLESS.search(path)):
                continue
            answer = await client.request(method, path)  # changes have no CSRF token: nothing comes of them
            where = f"{method} {path}: {answer.status_code}"
            bad += [f"{where}: {flaw}" for flaw in flaws(answer, is_paper=path.startswith("/check/"))]
            if method != "GET" and answer.status_code < 300 and path != "/console/forgot":  # which is for strangers
                bad.append(f"{where}: changed without a token")
            walked += 1
    assert not bad, "\n".join(bad[:40])
    assert walked > 300


def flaws(answer: httpx.Response, *, is_paper: bool) -> Iterator[str]:
    """Tell what is missing; the page that checks a document says less of where one came from, and frames its own."""
    wanted = ALWAYS | ({"referrer-policy": "no-referrer"} if is_paper else {})
    yield from (name for name, value in wanted.items() if answer.headers.get(name) != value)
    policy = answer.headers.get("content-security-policy", "")
    ancestors = "frame-ancestors 'self'" if is_paper else "frame-ancestors 'none'"
    if ancestors not in policy or "unsafe-" in policy or "*" in policy or "default-src" not in policy:
        yield f"loose policy {policy!r}"
    if "camera=()" not in answer.headers.get("permissions-policy", ""):
        yield "permissions-policy"
    if answer.status_code >= 500:
        yield "broken"
