"""What stations hear of tokens, in each version's words and valid by its schema: places, hours, groups, masters."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

import ocpp_schemas
from ingufu.authorization.model import AdmissionRule, EvseRef, GroupDetails, Hours, RuleScope, TokenLimits
from ingufu.core.commands import Outcome
from ingufu.reservations.model import ReservationStatus, Wanted
from running import Running
from scenarios.line import Line, line
from scenarios.records import add_token, decisions, rows

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


async def authorize(station: Line, value: str, kind: str = "ISO14443") -> dict[str, Any]:
    is_16 = station.version == "1.6"
    asked = {"idTag": value} if is_16 else {"idToken": {"idToken": value, "type": kind}}
    answer = await station.get("Authorize", asked)
    assert ocpp_schemas.oracle(ocpp_schemas.message(station.version, "Authorize", "response"), answer) is None
    return answer["idTagInfo"] if is_16 else answer["idTokenInfo"]


async def event(
    station: Line, kind: str, name: str, seq: int, token: str, trigger: str = "Authorized"
) -> dict[str, Any]:
    answer = await station.get(
        "TransactionEvent",
        {
            "eventType": kind,
            "timestamp": "2026-03-01T12:00:00Z",
            "triggerReason": trigger,
            "seqNo": seq,
            "transactionInfo": {"transactionId": name},
            "idToken": {"idToken": token, "type": "ISO14443"},
            "evse": {"id": 1, "connectorId": 1},
        },
    )
    schema = ocpp_schemas.message(station.version, "TransactionEvent", "response")
    assert ocpp_schemas.oracle(schema, answer) is None
    return answer["idTokenInfo"]


async def connectors(house: Running, station_id: str, *kinds: str) -> None:
    for evse, kind in enumerate(kinds, 1):
        async with house.services.database.work() as work:
            await house.services.stations.set_connector(work, station_id, evse, 1, kind=kind)


@TWO
async def test_everything_that_is_known_is_told(house: Running, version: str):
    station_id = await house.add_station("CS")
    await connectors(house, station_id, "cCCS2", "cType2")
    await add_token(
        house, "CARD", charging_priority=-4, language="fr", second_language="rw", message="Murakaza neza",
        limits=TokenLimits(evses=(EvseRef(station_id=station_id, evse=2),)), expires_at=datetime(2026, 4, 1, tzinfo=UTC),
    )  # fmt: skip
    async with line(house, "CS", version) as station:
        await station.boot()
        assert await authorize(station, "card") == {
            "status": "Accepted",
            "chargingPriority": -4,
            "language1": "fr",
            "language2": "rw",
            "evseId": [2],
            "cacheExpiryDateTime": "2026-04-01T00:00:00.000Z",
            "personalMessage": {"format": "UTF8", "content": "Murakaza neza"},
        }
        told = await event(station, "Started", "TX", 0, "CARD")
        assert (told["status"], told["evseId"]) == ("NotAtThisLocation", [2])


LIMITED = [
    (TokenLimits(sites=("elsewhere",)), True, "NotAtThisLocation"),
    (TokenLimits(plugs=("cG105",)), True, "NotAllowedTypeEVSE"),
    (TokenLimits(hours=(Hours(start=time(1), end=time(2)),)), True, "NotAtThisTime"),
    (None, False, "NoCredit"),
]


@EACH
@pytest.mark.parametrize(("limits", "has_credit", "status"), LIMITED)
async def test_a_limited_token_hears_why_and_nothing_is_to_be_remembered(
    house: Running,
    version: str,
    limits: TokenLimits | None,
    has_credit: bool,
    status: str,
):
    station_id = await house.add_station("CS")
    await connectors(house, station_id, "cCCS2")
    await add_token(house, "CARD", limits=limits, has_credit=has_credit)
    async with line(house, "CS", version) as station:
        await station.boot()
        told = await authorize(station, "CARD")
        expiry = "expiryDate" if version == "1.6" else "cacheExpiryDateTime"
        assert (told["status"], told[expiry]) == ("Invalid" if version == "1.6" else status, "2026-03-01T12:00:00.000Z")
    (judged,) = await rows(house, decisions)
    assert judged["status"] == status


@TWO
async def test_charging_without_a_token_where_it_is_allowed(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        assert (await authorize(station, "", "NoAuthorization"))["status"] == "Accepted"
        async with house.services.database.work() as work:
            rule = AdmissionRule(scope=RuleScope.STATION, scope_id=station_id, allows_free=False)
            await house.services.admitting.set_rule(work, rule)
        assert (await authorize(station, "", "noauthorization"))["status"] == "Invalid"


@TWO
async def test_a_code_is_judged_and_never_kept(house: Running, version: str):
    await house.add_station("CS")
    await add_token(house, "4711", kind="KeyCode")
    async with line(house, "CS", version) as station:
        await station.boot()
        assert (await authorize(station, "4711", "KeyCode"))["status"] == "Accepted"
        assert (await authorize(station, "4712", "keycode"))["status"] == "Invalid"
    kept = await rows(house, decisions)
    assert {row["token_value"] for row in kept} == {"******"}


@TWO
async def test_a_master_stops_what_others_started_and_starts_nothing(house: Running, version: str):
    async with house.services.database.work() as work:
        group = await house.services.authorization.create_group(
            work, GroupDetails(value="MASTERS", is_master_pass=True), organisation_id="operator"
        )
    await add_token(house, "MASTER", group_id=group.id)
    await add_token(house, "CARD")
    await add_token(house, "OTHER")
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        told = await authorize(station, "MASTER")
        assert (told["status"], told["groupIdToken"]["idToken"]) == ("Accepted", "MASTERS")
        assert (await event(station, "Started", "A", 0, "MASTER"))["status"] == "Invalid"
        assert (await event(station, "Ended", "A", 1, "MASTER"))["groupIdToken"]["idToken"] == "MASTERS"
        assert (await event(station, "Started", "B", 0, "CARD"))["status"] == "Accepted"
        assert (await event(station, "Updated", "B", 1, "OTHER", "StopAuthorized"))["status"] == "Invalid"
        told = await event(station, "Ended", "B", 2, "MASTER", "StopAuthorized")
        assert (told["status"], told["groupIdToken"]["idToken"]) == ("Accepted", "MASTERS")


@EACH
async def test_a_reservation_of_another_station_is_not_used_by_its_number(house: Running, version: str):
    theirs = await house.add_station("THEIRS")
    await house.add_station("MINE")

    class Yes:
        async def call(self, *_: Any, **__: Any) -> Outcome:
            return Outcome(status="Accepted", is_accepted=True)

    wanted = Wanted(station_id=theirs, token_value="CARD", expires_at=house.services.clock.now() + timedelta(hours=1))
    kept = await house.services.reservations.reserve(Yes(), wanted)  # type: ignore[arg-type]
    async with line(house, "MINE", version) as station:
        await station.boot()
        at = "2026-03-01T12:00:00Z"
        if version == "1.6":
            start = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": at, "reservationId": kept.id}
            assert "transactionId" in await station.get("StartTransaction", start)
        else:
            started = {
                "eventType": "Started", "timestamp": at, "triggerReason": "Authorized", "seqNo": 0,
                "transactionInfo": {"transactionId": "TX"}, "reservationId": kept.id,
                "idToken": {"idToken": "CARD", "type": "ISO14443"}, "evse": {"id": 1, "connectorId": 1},
            }  # fmt: skip
            assert "idTokenInfo" in await station.get("TransactionEvent", started)
    assert (await house.services.reservations.get(kept.id)).status is ReservationStatus.KEPT
