"""The API's documents: current, whole, and free of foreign hosts."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from ingufu.web.app import create_app
from ingufu.web.declared import route_of
from ingufu.web.docs.documents import document_bytes
from web.api.conftest import House, make_context

KEPT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
DOCUMENT = json.loads(document_bytes())


def operations():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_document_that_is_kept_is_current() -> None:
    assert KEPT.read_bytes() == document_bytes(), "run tools/openapi.py"


def test_every_operation_says_what_it_does_takes_gives_and_refuses() -> None:
    for path, method, operation in operations():
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert any(status.startswith("2") for status in operation["responses"]), where
        assert "500" in operation["responses"], where
        if operation.get("security") != []:
            assert "401" in operation["responses"], where
        for parameter in operation["parameters"]:
            assert parameter["schema"], where
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_references_lead_somewhere() -> None:
    text = document_bytes().decode()
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert names <= set(DOCUMENT["components"]["schemas"])
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_document_knows_every_route_of_the_api(house: House) -> None:
    served = {
        (route.path_format, method.lower())
        for route in create_app(make_context(house.services, house.bus)).routes
        for method in route.methods
        if method != "OPTIONS" and route.path.startswith("/api/v1")
    }
    documented = {
        (re.sub(r"\{(\w+)\}", r"{\1}", path), method) for path, method, _ in operations() if path.startswith("/api/v1")
    }
    assert {(re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", path), method) for path, method in served} == documented
    assert route_of({}) is None


async def test_document_and_page_are_for_those_who_are_known(house: House, admin) -> None:
    assert (await house.client().get("/api/v1/openapi.json")).status_code == 401
    assert (await admin.get("/api/v1/openapi.json")).json() == DOCUMENT
    page = await house.client().get("/api/docs?x=1")
    assert (page.status_code, page.headers["location"]) == (303, "/console/login?next=/api/docs%3Fx%3D1")


async def test_page_shows_every_operation_and_loads_nothing_from_elsewhere(house: House, admin) -> None:
    page = (await admin.get("/api/docs")).text
    for path, _, operation in operations():
        assert f'id="{operation["operationId"].replace("_", "-")}"' in page
        assert path in page
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert all(address.startswith("/") for address in loaded)
    for address in (address for address in loaded if "/docs/" in address):
        part = await house.client().get(address)
        assert part.status_code == 200
        assert "immutable" in part.headers["cache-control"]
    assert (await house.client().get("/api/docs/reading.py")).status_code == 404
    assert (await house.client().get("/api/docs/..%2Freading.py")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/stations", "/stations/CP1", "/sites", "/overview", "/overview/power", "/me", "/api-keys", "/events", "/users", "/audit", "/stations/CP1/commands"]
)  # fmt: skip
async def test_answers_are_as_documented(house: House, admin, path: str) -> None:
    site = await house.site("Kigali", country="RW", latitude=-1.9, longitude=30.1)
    station = await house.station("CP1", is_online=True, site_id=site)
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station, 1, 1, kind="cCCS2", max_power_w=50_000)
    await admin.post("/api/v1/sites", json={"name": "Huye"})
    template = f"/api/v1{path.replace('CP1', '{station}')}"
    schema = DOCUMENT["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = msgspec.json.decode((await admin.get(f"/api/v1{path}")).content)
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer)
