"""The API of configuration: variables, what is desired, templates, drift, network profiles, resets."""

from typing import Any

from ingufu.accounts.model import Role
from ingufu.core.commands import Outcome
from ingufu.core.configuration import ReadResult, VariablesRead, VariablesWritten, WriteResult
from ingufu.core.errors import StationNotAccepted
from ingufu.core.variables import parse
from web.api.conftest import House
from web.api.engines import both_engines

INTERVAL, OFFLINE = "SampledDataCtrlr.TxUpdatedInterval", "AuthCtrlr.LocalAuthorizeOffline"


def told(house: House, **values: str) -> None:
    """Have the station tell these values when it is asked for anything."""
    names = {"interval": INTERVAL, "offline": OFFLINE}
    items = tuple(
        ReadResult(name=parse(names[name]), status="Accepted", value=value, is_readonly=False)
        for name, value in values.items()
    )
    house.link.outcomes["ReadVariables"] = VariablesRead(status="Accepted", is_accepted=True, items=items)


def answered(house: House, *pairs: tuple[str, str]) -> None:
    items = tuple(WriteResult(name=parse(name), status=status, reason="why") for name, status in pairs)
    house.link.outcomes["WriteVariables"] = VariablesWritten(status="Accepted", is_accepted=True, items=items)


async def asked_for(client: Any, method: str, path: str, status: int = 200, **options: Any) -> Any:
    answer = await client.request(method, f"/api/v1{path}", **options)
    assert answer.status_code == status, answer.text
    return answer.json()


@both_engines
async def test_variables_are_read_set_listed_and_have_a_history(house: House, admin: Any) -> None:
    await house.station("CS", is_online=True, version="2.0.1")
    told(house, interval="60", offline="true")
    names = {"variables": [{"variable": INTERVAL}, {"variable": OFFLINE}, {"variable": "No.Such"}]}
    read = await asked_for(admin, "POST", "/stations/CS/variables/read", json=names)
    assert [(one["status"], one["value"]) for one in read] == [
        ("Accepted", "60"), ("Accepted", "true"), ("NoAnswer", None),
    ]  # fmt: skip
    answered(house, (INTERVAL, "Accepted"))
    values = {"values": [{"variable": INTERVAL, "value": "30"}, {"variable": OFFLINE, "value": "perhaps"}]}
    done = await asked_for(admin, "POST", "/stations/CS/variables/set", json=values)
    assert [(one["variable"], one["status"], one["part"]) for one in done] == [
        (INTERVAL, "Accepted", 1), (OFFLINE, "NotSent", 0),
    ]  # fmt: skip
    page = await asked_for(admin, "GET", "/stations/CS/variables?limit=1")
    assert (page["total"], len(page["items"])) == (2, 1)
    rest = await asked_for(admin, "GET", f"/stations/CS/variables?cursor={page['next']}")
    assert (rest["items"][0]["variable"], rest["items"][0]["value"]) == (INTERVAL, "30")
    assert rest["items"][0]["meaning"]
    found = await asked_for(
        admin, "GET", "/stations/CS/variables?q=updated&is_writable=true&component=sampleddatactrlr"
    )
    assert found["total"] == 1
    history = await asked_for(admin, "GET", f"/stations/CS/variables/history?variable={INTERVAL}")
    assert [(one["value"], one["status"], one["actor"]) for one in history] == [("30", "Accepted", history[0]["actor"])]
    assert history[0]["actor"]


@both_engines
async def test_what_is_desired_is_explained_and_drift_is_listed_and_repaired(house: House, admin: Any) -> None:
    station = await house.station("CS", is_online=True, version="2.0.1")
    told(house, interval="60", offline="true")
    await asked_for(
        admin,
        "POST",
        "/stations/CS/variables/read",
        json={"variables": [{"variable": INTERVAL}, {"variable": OFFLINE}]},
    )
    made = await asked_for(admin, "POST", "/templates", 201, json={"name": "All", "reach": "everyone"})
    values = {"values": [{"variable": INTERVAL, "value": "45"}, {"variable": OFFLINE, "value": "true"}]}
    view = await asked_for(admin, "PUT", f"/templates/{made['id']}/desired", json=values)
    assert (view["values"], view["stations"], view["drifted"]) == (2, 1, 1)
    drift = await asked_for(admin, "GET", "/drift")
    (row,) = drift["items"]
    assert (row["identity"], row["variable"], row["value"], row["reported"], row["state"]) == (
        "CS", INTERVAL, "45", "60", "different",
    )  # fmt: skip
    own = {"values": [{"variable": INTERVAL, "value": "40"}]}
    (offline, interval) = await asked_for(admin, "PUT", "/stations/CS/desired", json=own)
    assert (offline["state"], interval["state"]) == ("in-step", "different")
    assert interval["source_kind"] == "station"
    assert "'45' of All" in interval["why"]
    answered(house, (INTERVAL, "Rejected"))
    (done,) = await asked_for(admin, "POST", "/stations/CS/desired/apply", json={})
    assert (done["status"], done["reason"]) == ("Rejected", "why")
    (offline, interval) = await asked_for(admin, "GET", "/stations/CS/desired")
    assert (interval["state"], interval["reason"]) == ("refused", "why")
    asked = len(house.link.commands)
    assert await asked_for(admin, "POST", "/stations/CS/desired/apply", json={"tries_again": False}) == []
    assert len(house.link.commands) == asked
    state = await asked_for(admin, "GET", "/stations/CS/configuration")
    assert (state["drift"], state["wishes"]) == (1, 2)
    gone = {"values": [{"variable": INTERVAL, "value": None}]}
    (offline, interval) = await asked_for(admin, "PUT", "/stations/CS/desired", json=gone)
    assert interval["value"] == "45"
    assert await asked_for(admin, "DELETE", f"/templates/{made['id']}") == {"is_gone": True}
    assert await asked_for(admin, "GET", "/stations/CS/desired") == []
    assert station


@both_engines
async def test_templates_count_by_how_particular_they_are(house: House, admin: Any) -> None:
    site = await house.site("Kigali")
    await house.station("CS", is_online=True, site_id=site)
    await house.station("OTHER", is_online=True)

    async def template(value: str, **fields: Any) -> str:
        made = await asked_for(admin, "POST", "/templates", 201, json={"name": value, **fields})
        wish = {"values": [{"variable": INTERVAL, "value": value}]}
        await asked_for(admin, "PUT", f"/templates/{made['id']}/desired", json=wish)
        return str(made["id"])

    async def counts(identity: str = "CS") -> str:
        found = await asked_for(admin, "GET", f"/stations/{identity}/desired")
        return found[0]["value"] if found else ""

    await template("1", reach="everyone")
    assert await counts() == "1"
    await template("2", reach="everyone", priority=5)
    assert await counts() == "2"
    await template("3", reach="matching", site_id=site)
    assert (await counts(), await counts("OTHER")) == ("3", "2")
    await template("9", reach="matching", vendor="Nobody*")
    assert await counts() == "3"
    chosen = await template("4")
    given = await asked_for(admin, "POST", f"/templates/{chosen}/stations", json={"stations": ["CS"]})
    assert (given["chosen"], await counts()) == (1, "4")
    await asked_for(admin, "PATCH", f"/templates/{chosen}", json={"is_active": False})
    assert await counts() == "3"
    await asked_for(admin, "PATCH", f"/templates/{chosen}", json={"is_active": True})
    await asked_for(admin, "POST", f"/templates/{chosen}/stations/remove", json={"stations": ["CS"]})
    assert await counts() == "3"
    names = [one["name"] for one in await asked_for(admin, "GET", "/templates")]
    assert names == ["1", "2", "3", "4", "9"]
    await asked_for(admin, "POST", "/templates", 409, json={"name": "1"})
    await asked_for(admin, "POST", "/templates", 422, json={"name": "x", "site_id": "nowhere"})


async def test_a_secret_is_written_and_never_shown(house: House, admin: Any) -> None:
    await house.station("CS", is_online=True)
    secret = "a-very-secret-password"
    wish = {"values": [{"variable": "SecurityCtrlr.BasicAuthPassword", "value": secret}]}
    shown = await admin.put("/api/v1/stations/CS/desired", json=wish)
    assert shown.status_code == 200
    assert secret not in shown.text
    assert shown.json()[0]["is_secret"] is True
    made = await asked_for(admin, "POST", "/templates", 201, json={"name": "T"})
    await asked_for(admin, "PUT", f"/templates/{made['id']}/desired", 422, json=wish)
    answered(house, ("SecurityCtrlr.BasicAuthPassword", "Accepted"))
    await asked_for(admin, "POST", "/stations/CS/desired/apply", json={})
    sent = house.link.commands[-1][1]
    assert sent.items[0].value == secret
    for path in ("/stations/CS/variables", "/stations/CS/desired", "/audit", "/events"):
        assert secret not in (await admin.get(f"/api/v1{path}")).text


async def test_reports_network_profiles_and_resets_have_their_state(house: House, admin: Any) -> None:
    await house.station("CS", is_online=True, version="2.1")
    report = await asked_for(admin, "POST", "/stations/CS/reports", json={"base": "full"})
    assert (report["state"], report["base"]) == ("asked", "full")
    await asked_for(admin, "POST", "/stations/CS/reports", 409, json={"base": "full"})
    assert (await asked_for(admin, "GET", f"/stations/CS/reports/{report['id']}"))["state"] == "asked"
    house.link.outcomes["RequestMonitors"] = Outcome(status="EmptyResultSet", is_accepted=False)
    assert (await asked_for(admin, "POST", "/stations/CS/reports", json={"monitors": True}))["state"] == "empty"
    profile = {
        "url": "wss://csms.example/ocpp", "security_profile": 2, "password": "secret-of-the-slot",
        "vpn": {"server": "v", "user": "u", "password": "vpn-secret", "key": "vpn-key", "kind": "IKEv2"},
    }  # fmt: skip
    kept = await admin.put("/api/v1/stations/CS/network-profiles/2", json=profile)
    assert kept.json()["status"] == "Accepted"
    listed = await admin.get("/api/v1/stations/CS/network-profiles")
    for text in (kept.text, listed.text):
        assert not any(secret in text for secret in ("secret-of-the-slot", "vpn-secret", "vpn-key"))
    low = {"url": "ws://csms.example/ocpp", "security_profile": 0}
    await asked_for(admin, "PUT", "/stations/CS/network-profiles/3", 409, json=low)
    await asked_for(admin, "PUT", "/stations/CS/network-priority", 422, json={"slots": [7]})
    answered(house, ("OCPPCommCtrlr.NetworkConfigurationPriority", "RebootRequired"))
    done = await asked_for(admin, "PUT", "/stations/CS/network-priority", json={"slots": [2]})
    assert done["status"] == "RebootRequired"
    assert (await asked_for(admin, "GET", "/stations/CS/configuration"))["reboot_needed_since"] is not None
    house.link.outcomes["ResetStation"] = Outcome(status="Scheduled", is_accepted=True)
    await asked_for(admin, "POST", "/stations/CS/reset", json={"kind": "on-idle", "evse": 1})
    (reset,) = await asked_for(admin, "GET", "/stations/CS/resets")
    assert (reset["state"], reset["evse"], reset["kind"]) == ("scheduled", 1, "on-idle")


async def test_a_station_that_is_not_accepted_says_so(house: House, admin: Any) -> None:
    await house.station("CS", is_online=True)
    house.link.outcomes["ReadVariables"] = StationNotAccepted("Not yet.")
    answer = await asked_for(
        admin, "POST", "/stations/CS/variables/read", 409, json={"variables": [{"variable": INTERVAL}]}
    )
    assert answer["code"] == "station-not-accepted"


async def test_people_of_one_site_see_its_drift_and_no_templates(house: House, admin: Any) -> None:
    site = await house.site("Kigali")
    await house.station("OURS", site_id=site)
    await house.station("THEIRS")
    for identity in ("OURS", "THEIRS"):
        wish = {"values": [{"variable": INTERVAL, "value": "45"}]}
        await asked_for(admin, "PUT", f"/stations/{identity}/desired", json=wish)
    await house.user(Role.OPERATOR, site, email="site@example.org")
    client = await house.log_in("site@example.org")
    drift = await asked_for(client, "GET", "/drift")
    assert [row["identity"] for row in drift["items"]] == ["OURS"]
    await asked_for(client, "GET", "/templates", 403)
    await asked_for(client, "GET", "/stations/THEIRS/desired", 404)
