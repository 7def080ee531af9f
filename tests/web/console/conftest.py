"""The console over real HTTP: a running web process, a seeded network, and people who are logged in."""

import html
import re
from dataclasses import dataclass

import httpx
import pytest

from ingufu.accounts.model import Role
from web.api.conftest import House, RecordingLink, house, settings
from web.console.network import Network, seed

__all__ = ["House", "RecordingLink", "house", "settings"]

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def storage_url_param() -> None:
    """Pages are tested on one engine; what they ask of storage is tested on both, where it is written."""


@dataclass
class Person:
    """Somebody with a browser, without its scripts."""

    client: httpx.AsyncClient

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, f"{path}: {answer.status_code}\n{answer.text[:2000]}"
        return answer.text

    async def send(self, path: str, *, token: str | None = None, **fields: object) -> httpx.Response:
        """Send a form as a browser does: urlencoded, with the token that the page has."""
        csrf = self.client.headers.get("x-csrf-token", "") if token is None else token
        body = {"csrf_token": csrf, **fields}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        del_header = self.client.headers.pop("x-csrf-token", None)
        try:
            return await self.client.post(path, data=body, headers=headers)
        finally:
            if del_header is not None:
                self.client.headers["x-csrf-token"] = del_header


def words(page: str) -> str:
    """The text that a page shows, blanks folded."""
    inside = re.sub(r"<template.*?</template>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inside)).split()).replace("\u00a0", " ")


async def person(house: House, role: Role, *site_ids: str, email: str = "keza@example.org") -> Person:
    await house.user(role, *site_ids, email=email)
    return Person(await house.log_in(email))


@pytest.fixture
async def operator(house: House) -> Person:
    return await person(house, Role.OPERATOR)


@pytest.fixture
async def net(house: House) -> Network:
    network = await seed(house.services, house.organisation_id, house.clock.now(), hostile=True)
    house.link.online.update(network.online)
    return network
