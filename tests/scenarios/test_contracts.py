"""Plug & Charge over real sockets: contracts in Authorize, answers for vehicles, and stations that do not wait."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.x509 import ocsp

import ocpp_schemas
from certificates.pki import NOW, Hierarchy, Responder, hierarchy, issue, responding
from ingufu.app.settings import CertificatesSettings
from ingufu.certificates.model import Purpose
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, StandingClock, running_gateway
from scenarios.line import Line, line
from scenarios.records import add_token, decisions, events, only

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
EMAID = "DEABCC12345678"
PNC = "org.openchargealliance.iso15118pnc"


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOW)


@pytest.fixture
async def house(database: Database, clock: StandingClock, ids: IdMaker) -> AsyncIterator[Running]:
    certificates = CertificatesSettings(allows_private_responders=True, responder_timeout_s=20, patience_s=30)
    async with running_gateway(database, clock, ids, certificates=certificates) as running:
        yield running


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    async with responding() as running:
        yield running


@pytest.fixture
async def tree(house: Running, responder: Responder) -> Hierarchy:
    made = hierarchy(responder=responder.url)
    responder.holders = made.below_root
    responder.signer = lambda holder: (holder.issuer, (made.first, made.second))  # type: ignore[return-value]
    async with house.services.database.work() as work:
        await house.services.authorities.add(work, made.root.pem, Purpose.CONTRACT)
    return made


async def authorize(station: Line, **shown: Any) -> dict[str, Any]:
    asked = {"idToken": {"idToken": "de-abc-c12345678", "type": "EMAID"}} | shown
    answer = await station.get("Authorize", asked)
    assert ocpp_schemas.oracle(ocpp_schemas.message(station.version, "Authorize", "response"), answer) is None
    return answer


def hash_data(tree: Hierarchy, url: str) -> list[dict[str, str]]:
    return [one.hash_data(url) for one in tree.below_root]


@TWO
@pytest.mark.parametrize("way", ["certificate", "hashes"])
async def test_a_contract_is_checked_in_truth(
    house: Running, responder: Responder, tree: Hierarchy, version: str, way: str
):
    await add_token(house, EMAID, kind="eMAID")
    await house.add_station("CS")
    shown: dict[str, Any] = {"iso15118CertificateHashData": hash_data(tree, responder.url)}
    if way == "certificate":
        shown = {"certificate": tree.chain}
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await authorize(station, **shown)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
        assert len(responder.asked) == 3


@TWO
async def test_a_revoked_contract_is_refused_although_its_token_is_known(
    house: Running, responder: Responder, tree: Hierarchy, version: str
):
    await add_token(house, EMAID, kind="eMAID")
    responder.revoked = {tree.contract.certificate.serial_number}
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await authorize(station, iso15118CertificateHashData=hash_data(tree, responder.url))
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("CertificateRevoked", "Invalid")
    judged = await only(house, decisions)
    assert (judged["status"], judged["reason"]) == ("Invalid", "certificate-refused")
    told = (await only(house, events, kind="ContractRefused"))["details"]
    assert told["status"] == "CertificateRevoked"
    assert f"{tree.contract.certificate.serial_number:x}" in told["reason"]


@TWO
async def test_the_word_for_each_way_to_fail(house: Running, responder: Responder, tree: Hierarchy, version: str):
    token = await add_token(house, EMAID, kind="eMAID")
    await house.add_station("CS")
    expired = issue(EMAID, tree.second, ends=NOW.replace(month=2))
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await authorize(station, certificate=expired.pem + tree.second.pem + tree.first.pem)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("CertificateExpired", "Expired")
        answer = await authorize(station, certificate="no certificate")
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("CertChainError", "Invalid")
        async with house.services.database.work() as work:
            await house.services.authorization.block_token(work, token)
        answer = await authorize(station, certificate=tree.chain)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("ContractCancelled", "Blocked")


@TWO
async def test_a_certificate_that_holds_does_not_make_a_contract_known(house: Running, tree: Hierarchy, version: str):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await authorize(station, certificate=tree.chain)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("Accepted", "Unknown")


async def test_no_other_station_waits_for_a_responder(house: Running, responder: Responder, tree: Hierarchy):
    await add_token(house, EMAID, kind="eMAID")
    await add_token(house, "CARD")
    responder.hangs = asyncio.Event()
    await house.add_station("SLOW")
    await house.add_station("CS")
    async with line(house, "SLOW", "2.0.1") as slow, line(house, "CS", "2.0.1") as station:
        await slow.boot()
        await station.boot()
        waiting = asyncio.create_task(authorize(slow, certificate=tree.chain))
        for _ in range(5):
            answer = await station.get("Authorize", {"idToken": {"idToken": "CARD", "type": "ISO14443"}})
            assert answer["idTokenInfo"]["status"] == "Accepted"
        assert not waiting.done()
        responder.hangs.set()
        assert (await waiting)["certificateStatus"] == "Accepted"


@TWO
async def test_a_responders_answer_is_handed_on_to_the_vehicle(
    house: Running, responder: Responder, tree: Hierarchy, version: str
):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await station.get("GetCertificateStatus", {"ocspRequestData": tree.second.hash_data(responder.url)})
        assert answer["status"] == "Accepted"
        loaded = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
        assert loaded.serial_number == tree.second.certificate.serial_number
        assert loaded.certificate_status is ocsp.OCSPCertStatus.GOOD
        dead = tree.first.hash_data("http://127.0.0.1:9/")
        answer = await station.get("GetCertificateStatus", {"ocspRequestData": dead})
        assert (answer["status"], "ocspResult" in answer) == ("Failed", False)
        odd = dead | {"issuerNameHash": "xyz", "serialNumber": "nothing"}
        assert (await station.get("GetCertificateStatus", {"ocspRequestData": odd}))["status"] == "Failed"


async def test_21_asks_about_a_whole_chain(house: Running, responder: Responder, tree: Hierarchy):
    responder.revoked = {tree.contract.certificate.serial_number}
    await house.add_station("CS")

    def asked(holder: Any, *urls: str) -> dict[str, Any]:
        data = holder.hash_data()
        del data["responderURL"]
        return {"certificateHashData": data, "source": "OCSP", "urls": list(urls)}

    requests = [
        asked(tree.contract, responder.url),
        asked(tree.second, "http://127.0.0.1:9/", responder.url),
        asked(tree.first, "http://127.0.0.1:9/"),
    ]
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        answer = await station.get("GetCertificateChainStatus", {"certificateStatusRequests": requests})
        schema = ocpp_schemas.message("2.1", "GetCertificateChainStatus", "response")
        assert ocpp_schemas.oracle(schema, answer) is None, json.dumps(answer)
        told = answer["certificateStatus"]
        assert [one["status"] for one in told] == ["Revoked", "Good", "Failed"]
        assert told[1]["nextUpdate"] == "2026-03-02T12:00:00.000Z"


async def transfer(station: Line, message: str, data: Any, *, vendor: str = PNC) -> tuple[str, Any]:
    """Ask by DataTransfer, and return status and content of the answer."""
    text = data if isinstance(data, str) else json.dumps(data)
    answer = await station.get("DataTransfer", {"vendorId": vendor, "messageId": message, "data": text})
    assert ocpp_schemas.oracle(ocpp_schemas.message("1.6", "DataTransfer", "response"), answer) is None
    return answer["status"], json.loads(answer["data"]) if "data" in answer else None


@pytest.mark.parametrize("name", [EMAID, {"idToken": EMAID, "type": "eMAID"}])
async def test_16_asks_about_contracts_by_data_transfer(
    house: Running, responder: Responder, tree: Hierarchy, name: Any
):
    await add_token(house, EMAID, kind="eMAID")
    await house.add_station("CS")
    async with line(house, "CS", "1.6") as station:
        await station.boot()
        for shown in (
            {"certificate": tree.chain},
            {"iso15118CertificateHashData": hash_data(tree, responder.url)},
        ):
            status, told = await transfer(station, "Authorize", {"idToken": name, **shown})
            assert (status, told["certificateStatus"], told["idTokenInfo"]["status"]) == (
                "Accepted",
                "Accepted",
                "Accepted",
            )
        status, told = await transfer(station, "Authorize", {"idToken": name})
        assert (told["certificateStatus"], told["idTokenInfo"]["status"]) == ("NoCertificateAvailable", "Invalid")
        asked = {"ocspRequestData": tree.second.hash_data(responder.url)}
        status, told = await transfer(station, "GetCertificateStatus", asked)
        loaded = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
        assert loaded.serial_number == tree.second.certificate.serial_number
        dead = {"ocspRequestData": tree.second.hash_data("http://127.0.0.1:9/") | {"serialNumber": "77"}}
        assert await transfer(station, "GetCertificateStatus", dead) == ("Accepted", {"status": "Failed"})


@pytest.mark.parametrize("data", ["", "{", "[]", '{"idToken":7}', '{"idToken":{}}', "x" * 5000])
async def test_16_is_told_what_cannot_be_read(house: Running, data: str):
    await house.add_station("CS")
    async with line(house, "CS", "1.6") as station:
        await station.boot()
        assert await transfer(station, "Authorize", data) == ("Rejected", None)
        assert await transfer(station, "Anything", data) == ("UnknownMessageId", None)
        assert await transfer(station, "Authorize", data, vendor="org.example") == ("UnknownVendorId", None)
