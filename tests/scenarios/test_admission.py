"""Who is let in over a plain listener, what the others hear, and what the operator reads of it."""

import asyncio

import pytest

from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.model import Approval
from running import PASSWORD, Running, running_gateway
from scenarios.door import basic, knock
from scenarios.line import line
from scenarios.records import attempts, only, rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

KEY = "0123456789abcdef0123456789ABCDEF01234567"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/", "The path begins with /ocpp/<identity>."),
        ("/ocpp", "The path begins with /ocpp/<identity>."),
        ("/ocpp/", "The path begins with /ocpp/<identity>."),
        ("/ocpp/1.6/CP", "The path begins with /ocpp/<identity>."),
        ("/OCPP/CP", "The path begins with /ocpp/<identity>."),
        ("/steve/CP", "The path begins with /ocpp/<identity>."),
    ],
)
async def test_another_path_leads_nowhere(house: Running, path: str, detail: str):
    await house.add_station("CP")
    answer = await knock(house, path, authorization=basic("CP"))
    assert (answer.status, answer.body) == (404, "Nothing here.")
    kept = await only(house, attempts)
    assert (kept["outcome"], kept["http_status"], kept["detail"]) == ("wrong-path", 404, detail)
    assert kept["path"] == path
    assert kept["identity"] is None


@pytest.mark.parametrize(
    ("segment", "identity"),
    [
        ("CP%2F1", "CP/1"),
        ("CP:1", "CP:1"),
        ("CP%3A1", "CP:1"),
        ("a" * 49, "a" * 49),
        ("%20CP", " CP"),
        ("CP%00", "CP\ufffd"),
        ("CP%0d%0aX", "CP\r\nX"),
        ("%E2%80%8B", "\u200b"),
    ],
)
async def test_what_no_station_can_be_called_is_refused_with_the_reason(house: Running, segment: str, identity: str):
    answer = await knock(house, f"/ocpp/{segment}", authorization=basic(b"x"))
    assert (answer.status, answer.body) == (404, "Nothing here.")
    kept = await only(house, attempts)
    assert (kept["outcome"], kept["identity"]) == ("bad-identity", identity)
    assert kept["detail"].startswith("An identity")
    assert not await rows(house, stations)


async def test_a_path_that_is_no_text_is_a_malformed_request(house: Running):
    assert (await knock(house, "/ocpp/%FF%FE")).status == 400
    assert (await knock(house, "/ocpp/%zz")).status == 400
    kept = await rows(house, attempts)
    assert {row["outcome"] for row in kept} == {"malformed-request"}


@pytest.mark.parametrize(
    ("entered", "called", "user"),
    [
        ("CP-1", "CP-1", "CP-1"),
        ("CP-1", "cp-1", "Cp-1"),
        ("Straße 1 Ω", "Stra%C3%9Fe%201%20%CE%A9", "STRASSE 1 ω"),
        ("CP|1@*=+._", "CP%7C1@*=+._", "CP|1@*=+._"),
        ("a" * 48, "a" * 48, "a" * 48),
        ("CP-1", "CP-1/", "CP-1"),
        ("CP-1", "CP-1?token=x", "CP-1"),
    ],
)
async def test_an_identity_is_the_same_in_any_case_and_encoding(house: Running, entered: str, called: str, user: str):
    station_id = await house.add_station(entered)
    answer = await knock(house, f"/ocpp/{called}", authorization=basic(user))
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "ocpp1.6"
    assert (await only(house, attempts))["station_id"] == station_id


async def test_an_unknown_station_is_listed_and_waits(house: Running):
    answer = await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1"))
    assert (answer.status, answer.body) == (404, "Nothing here.")
    station = await only(house, stations)
    assert (station["identity"], station["approval"], station["address"]) == ("NEW-1", "waiting", "127.0.0.1")
    kept = await only(house, attempts)
    assert (kept["outcome"], kept["station_id"]) == ("waiting-for-approval", station["id"])
    assert kept["user_agent"] == "Door/1"
    assert PASSWORD not in str(station) + str(kept)

    async with house.services.database.work() as work:
        await house.services.stations.approve(work, station["id"], keeps_password=True)
    assert (await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1"))).status == 101
    assert (await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1", "another-password"))).status == 401


async def test_a_waiting_station_that_still_calls_is_not_swept_from_the_list(house: Running, clock):
    await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1"))
    clock.advance(90 * 86400)
    await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1"))
    await rows(house, stations)
    await house.services.stations.prune_waiting(clock.now())
    assert (await only(house, stations))["identity"] == "NEW-1"


async def test_unknown_waiting_and_refused_stations_hear_the_same(house: Running):
    await house.add_station("REFUSED", approval=Approval.REFUSED)
    await house.add_station("WAITING", approval=Approval.WAITING)
    answers = [
        await knock(house, f"/ocpp/{identity}", authorization=basic(identity))
        for identity in ("REFUSED", "WAITING", "X")
    ]
    assert len(set(map(str, answers))) == 1
    assert answers[0].status == 404
    kept = await rows(house, attempts)
    assert [row["outcome"] for row in kept] == ["refused-station", "waiting-for-approval", "waiting-for-approval"]


async def test_a_flood_of_unknown_identities_is_bounded(database: Database, clock: Clock, ids: IdMaker):
    ocpp = OcppSettings(drain_s=0.0, max_waiting_stations=5)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        for number in range(60):
            assert (await knock(house, f"/ocpp/FAKE-{number}")).status == 404
        assert len(await rows(house, stations)) == 5
        kept = await rows(house, attempts)
        assert len(kept) < 50
        assert sum(row["count"] for row in kept) == 60
        assert {row["outcome"] for row in kept} == {"waiting-for-approval", "unknown-station"}


async def test_unknown_stations_are_not_listed_where_the_settings_refuse_them(
    database: Database, clock: Clock, ids: IdMaker
):
    ocpp = OcppSettings(drain_s=0.0, unknown_stations="refuse")
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        assert (await knock(house, "/ocpp/NEW-1", authorization=basic("NEW-1"))).status == 404
        assert not await rows(house, stations)
        assert (await only(house, attempts))["outcome"] == "unknown-station"


async def test_two_calls_of_one_unknown_station_at_once_list_it_once(house: Running):
    answers = await asyncio.gather(*(knock(house, "/ocpp/NEW-1") for _ in range(8)))
    assert {answer.status for answer in answers} == {404}
    assert len(await rows(house, stations)) == 1


@pytest.mark.parametrize(
    ("authorization", "outcome", "detail"),
    [
        (None, "no-credentials", ""),
        ("Bearer abc", "wrong-credentials", "The Authorization header is not HTTP Basic."),
        ("Basic !!!", "wrong-credentials", "The Authorization header is not HTTP Basic."),
        (basic("CP", "wrong-password-123"), "wrong-credentials", "The password is not the station's."),
        (basic("CP", ""), "wrong-credentials", "The password is not the station's."),
        (basic("CP", b"\xff\xfe"), "wrong-credentials", "The password is not the station's."),
        (basic("OTHER"), "wrong-credentials", "The user name 'OTHER' is not the identity of the address."),
        (basic(""), "wrong-credentials", "The user name '' is not the identity of the address."),
    ],
)
async def test_credentials_that_are_not_the_stations_are_refused(
    house: Running, authorization: str | None, outcome: str, detail: str
):
    await house.add_station("CP")
    await house.add_station("OTHER")
    answer = await knock(house, "/ocpp/CP", authorization=authorization)
    assert (answer.status, answer.body) == (401, "Credentials needed.")
    assert answer.headers["www-authenticate"].startswith("Basic")
    kept = await only(house, attempts)
    assert (kept["outcome"], kept["detail"]) == (outcome, detail)
    assert "wrong-password" not in str(kept)


async def test_a_station_without_a_password_cannot_connect_and_the_operator_reads_why(house: Running):
    async with house.services.database.work() as work:
        await house.services.stations.create(work, "CP")
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP", ""))).status == 401
    assert (await only(house, attempts))["detail"] == "No password is set for this station."


@pytest.mark.parametrize("sent", [bytes.fromhex(KEY), KEY.encode(), KEY.upper().encode()])
async def test_a_key_of_16_opens_as_bytes_and_as_digits(house: Running, sent: bytes):
    station_id = await house.add_station("CP")
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, KEY)
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP", sent))).status == 101


async def test_a_password_with_colons_is_taken_whole(house: Running):
    station_id = await house.add_station("CP")
    password = "a:b:c-long-enough-password:"
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, password)
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP", password))).status == 101


async def test_the_old_password_opens_no_more_and_the_new_one_does_at_once(house: Running):
    station_id = await house.add_station("CP")
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, "a-new-password-for-it")
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP"))).status == 401
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP", "a-new-password-for-it"))).status == 101


async def test_profile_0_waives_the_password_for_that_station_only(house: Running):
    await house.add_station("OPEN", security_profile=0)
    await house.add_station("SHUT")
    assert (await knock(house, "/ocpp/OPEN")).status == 101
    assert (await knock(house, "/ocpp/OPEN", authorization=basic("OPEN", "whatever-it-may-be"))).status == 101
    assert (await knock(house, "/ocpp/SHUT")).status == 401
    assert (await only(house, stations, identity="OPEN"))["used_security_profile"] == 0


@pytest.mark.parametrize("profile", [2, 3])
async def test_a_station_that_must_use_tls_is_refused_on_the_plain_listener(house: Running, profile: int):
    await house.add_station("CP", security_profile=profile)
    answer = await knock(house, "/ocpp/CP", authorization=basic("CP"))
    assert (answer.status, answer.body) == (403, "Not allowed.")
    kept = await only(house, attempts)
    assert (kept["outcome"], kept["detail"]) == (
        "profile-too-low", f"The station must use security profile {profile}.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp2.1", "ocpp2.1"),
        ("ocpp2.1, ocpp2.0.1, ocpp1.6", "ocpp2.1"),
        ("ocpp1.6, ocpp2.1", "ocpp1.6"),
        ("ocpp0.1, ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp2.0, ocpp1.6", "ocpp1.6"),
    ],
)
async def test_the_first_version_that_both_speak_is_chosen(house: Running, offered: str, chosen: str):
    await house.add_station("CP")
    answer = await knock(house, "/ocpp/CP", authorization=basic("CP"), subprotocols=offered)
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, chosen)
    kept = await only(house, attempts)
    assert kept["offered"] == offered.split(", ")
    assert kept["version"] == chosen.removeprefix("ocpp")


@pytest.mark.parametrize("offered", ["ocpp0.1", "ocpp2.0", "OCPP1.6", "soap"])
async def test_without_a_common_version_there_is_no_upgrade(house: Running, offered: str):
    await house.add_station("CP")
    answer = await knock(house, "/ocpp/CP", authorization=basic("CP"), subprotocols=offered)
    assert (answer.status, answer.body) == (400, f"Offered: {offered}.")
    assert (await only(house, attempts))["outcome"] == "unsupported-subprotocol"


async def test_without_a_common_version_the_gateway_upgrades_and_closes_where_the_settings_say_so(
    database: Database, clock: Clock, ids: IdMaker
):
    ocpp = OcppSettings(drain_s=0.0, subprotocol_mismatch="close")
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        await house.add_station("CP")
        async with line(house, "CP", subprotocols=["ocpp0.1"]) as station:
            assert station.socket.subprotocol is None
            assert (await station.hear_end())[0] == 1002
        kept = await only(house, attempts)
        assert (kept["outcome"], kept["http_status"]) == ("unsupported-subprotocol", 101)
        assert not house.link.get("CP")


async def test_a_station_that_offers_no_version_is_refused_unless_one_is_assumed(house: Running):
    station_id = await house.add_station("CP")
    answer = await knock(house, "/ocpp/CP", authorization=basic("CP"), subprotocols=None)
    assert (answer.status, answer.body) == (400, "No Sec-WebSocket-Protocol was offered.")
    assert (await only(house, attempts))["outcome"] == "no-subprotocol"
    async with house.services.database.work() as work:
        await house.services.stations.update(work, station_id, assumed_version="ocpp1.6")
    async with line(house, "CP", subprotocols=None) as station:
        assert station.socket.subprotocol is None
        assert (await station.boot())["status"] == "Accepted"
    assert (await only(house, stations))["ocpp_version"] == "1.6"


async def test_every_attempt_is_told_to_who_watches_and_kept_with_its_cause(house: Running):
    await house.add_station("CP")
    told: list[object] = []
    house.services.database.publish = told.extend
    async with line(house, "CP") as station:
        await station.boot()
    await knock(house, "/ocpp/CP", authorization=basic("CP", "wrong-password-123"))
    await knock(house, "/nowhere")
    kept = await rows(house, attempts)
    assert [row["outcome"] for row in kept] == ["connected", "wrong-credentials", "wrong-path"]
    assert (kept[0]["http_status"], kept[0]["close_code"]) == (101, 1000)
    assert [getattr(event, "outcome", None) for event in told if event.kind == "ConnectionRefused"] == [
        "wrong-credentials", "wrong-path",
    ]  # fmt: skip
