"""The console over real HTTP: a running web process, a seeded network, and people who are logged in."""

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingufu.accounts.model import Role
from ingufu.infra.storage.targets import StorageUrl
from web.api.conftest import House, RecordingLink, house, settings
from web.console.network import Network, seed

__all__ = ["House", "RecordingLink", "house", "settings"]

PASSWORD = "correct horse battery"


@pytest.fixture(params=["sqlite"])
async def storage_url(request: pytest.FixtureRequest, _makers: Any, tmp_path: Path) -> StorageUrl:
    """Pages are tested on one engine; what they ask of storage is tested on both, where it is written."""
    url: StorageUrl = await _makers.sqlite(tmp_path)
    return url


@dataclass
class Person:
    """Somebody with a browser, without its scripts."""

    client: httpx.AsyncClient
    token: str = ""

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, f"{path}: {answer.status_code}\n{answer.text[:2000]}"
        return answer.text

    async def send(self, path: str, *, csrf: str | None = None, **fields: object) -> httpx.Response:
        """Send a form as a browser does: urlencoded, with the token that the page has."""
        body = {"csrf_token": self.token if csrf is None else csrf, **fields}
        return await self.client.post(path, data=body)

    async def send_by_script(self, path: str, **fields: object) -> httpx.Response:
        """Send a form as the page's script does: the token in a header, and saying so."""
        return await self.client.post(path, data=fields, headers={"X-CSRF-Token": self.token, "HX-Request": "true"})


def words(page: str) -> str:
    """The text that a page shows, blanks folded."""
    inside = re.sub(r"<template.*?</template>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inside)).split()).replace("\u00a0", " ")


async def person(house: House, role: Role, *site_ids: str, email: str = "keza@example.org") -> Person:
    await house.user(role, *site_ids, email=email)
    client = await house.log_in(email)
    return Person(client, client.headers.pop("x-csrf-token"))


@pytest.fixture
async def operator(house: House) -> Person:
    return await person(house, Role.OPERATOR)


@pytest.fixture
async def viewer(house: House) -> Person:
    return await person(house, Role.VIEWER, email="jean@example.org")


@pytest.fixture
async def net(house: House) -> Network:
    network = await seed(house.services, house.organisation_id, house.clock.now(), hostile=True)
    house.link.online.update(network.online)
    house.app.state["curve"]._finished.clear()  # the server started before its past was made
    return network
