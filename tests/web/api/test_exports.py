"""Every export has what its list has, for whoever may see it, in both forms."""

import csv
import io
import json
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from ingufu.accounts.model import Role
from ingufu.web.docs.documents import document_bytes
from web.api.conftest import House
from web.console.network import Network, seed

PATHS = sorted(path for path in json.loads(document_bytes())["paths"] if path.endswith("/export.csv"))
LISTS = {
    "/stations", "/transactions", "/tokens", "/drivers", "/groups", "/connection-attempts", "/reservations",
    "/authorization-decisions", "/charge-records", "/invoices", "/ledger/entries",
}  # fmt: skip


@pytest.fixture
async def net(house: House) -> Network:
    return await seed(house.services, house.organisation_id, house.clock.now(), hostile=True)


async def rows_of(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, str]]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, f"{path}: {answer.text[:500]}"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_every_list_that_people_count_with_has_exports() -> None:
    assert {path.removeprefix("/api/v1").removesuffix("/export.csv") for path in PATHS} >= LISTS


async def test_every_export_has_both_forms_with_the_same_columns_and_rows(house: House, net: Network) -> None:
    client = house.client(await house.key())
    filled = set()
    for path in PATHS:
        first = await client.get(path)
        assert first.status_code == 200, f"{path}: {first.text[:500]}"
        assert first.headers["content-type"] == "text/csv; charset=utf-8"
        assert 'filename="' in first.headers["content-disposition"]
        head, *found = csv.reader(io.StringIO(first.content.decode("utf-8-sig"), newline=""))
        if path == "/api/v1/audit/export.csv":  # it has a line more each time: that it was exported
            continue
        plain = await client.get(path, params={"mark": "false"})
        assert first.content == b"\xef\xbb\xbf" + plain.content, path
        second = await client.get(path.replace(".csv", ".parquet"))
        if second.status_code == 404:
            continue
        assert second.headers["content-type"] == "application/vnd.apache.parquet"
        table = parquet.read_table(io.BytesIO(second.content))
        assert table.column_names == head, path
        assert table.num_rows == len(found), path
        assert all(not value.startswith(("=", "+", "@")) for row in found for value in row), path
        if found:
            filled.add(path.removeprefix("/api/v1"))
    assert filled >= {
        "/stations/export.csv", "/transactions/export.csv", "/tokens/export.csv", "/drivers/export.csv",
        "/connection-attempts/export.csv",
    }  # fmt: skip


async def test_exports_take_the_filters_of_their_lists(house: House, net: Network) -> None:
    client = house.client(await house.key())
    found = await rows_of(client, "/api/v1/stations/export.csv", q="nya-0", sort="-identity", limit=1)
    assert [row["identity"] for row in found] == ["NYA-03", "NYA-02", "NYA-01"]
    assert found[0]["time_zone"] == "Africa/Kigali"
    sessions = await rows_of(client, "/api/v1/transactions/export.csv", station="NYA-02", is_open="false")
    assert {row["station"] for row in sessions} == {"NYA-02"}
    wh, kwh = (float(sessions[0][name]) for name in ("energy_wh", "energy_kwh"))
    assert wh == pytest.approx(1000 * kwh)
    refused = await client.get("/api/v1/stations/export.csv", params={"nonsense": "1"})
    assert refused.status_code in {400, 422}
    assert refused.headers["content-type"] == "application/problem+json"


async def test_who_sees_one_site_exports_what_is_there_alone(house: House, net: Network) -> None:
    await house.user(Role.OPERATOR, net.sites["Kigali Heights"])
    client = await house.log_in()
    for path in PATHS:
        answer = await client.get(path)
        assert answer.status_code in {200, 403}, path
        for foreign in ("NYA-0", "MUS-0", "UNI-0", "OLD-TIMER", "Musanze", "Uwase"):
            assert foreign not in answer.text, f"{foreign} in {path}"
    assert "KIG-03" in (await client.get("/api/v1/transactions/export.csv")).text
