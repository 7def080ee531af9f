"""Transactions: every point at which they start and stop, and what stations say of them when asked."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from conformance.transacting import CARD, Session
from web.api.engines import both_engines

TWO = ("2.0.1", "2.1")


class Scene:
    """A station with one card, and one transaction that is told step by step."""

    def __init__(self, bench: Bench, station: Counterpart) -> None:
        self.bench = bench
        self.station = station
        self.session = Session(station)

    async def authorizes(self) -> None:
        assert (await self.station.authorize(CARD))["status"] == "Accepted"

    async def plugs_in(self) -> None:
        await self.station.report("Occupied")

    async def starts(self, trigger: str, state: str, *, is_known: bool = True, **says: Any) -> None:
        """Say the first event; one with a card is accepted."""
        token = CARD if is_known else None
        said = await self.session.tell(
            "Started", trigger, state, token=token, has_evse=True, context="Transaction.Begin", **says
        )
        assert said.get("idTokenInfo", {"status": "Accepted"})["status"] == "Accepted"

    async def updates(self, trigger: str, state: str, **says: Any) -> None:
        said = await self.session.update(trigger, state, **says)
        assert said.get("idTokenInfo", {"status": "Accepted"})["status"] == "Accepted"

    async def charges(self) -> None:
        await self.updates("ChargingStateChanged", "Charging")
        kept = await self.bench.transaction()
        assert (kept["is_open"], kept["state"], kept["evse"]) == (True, "Charging", 1)

    async def goes(self) -> None:
        """The transaction runs already; now the cable is pulled and the driver goes."""
        await self.station.report("Available")

    async def ends(self, trigger: str, reason: str, state: str = "EVConnected", **says: Any) -> None:
        """Say the last event, and have the transaction be over with its energy and without anything odd."""
        said = await self.session.end(trigger, reason, state, **says)
        assert said.get("idTokenInfo", {"status": "Accepted"})["status"] == "Accepted"
        kept = await self.bench.transaction()
        assert (kept["is_open"], kept["stop_reason"], float(kept["energy_wh"])) == (False, reason, 500.0)
        assert (kept["token_value"], kept["anomaly_count"]) == (CARD, 0)
        assert kept["seq_count"] == self.session.seq


class scene:  # noqa: N801 - used as a function
    """Give a scene with a connected station."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def __aenter__(self) -> Scene:
        await self._bench.add_station()
        await self._bench.token(CARD)
        self._line = self._bench.connected()
        return Scene(self._bench, await self._line.__aenter__())

    async def __aexit__(self, *raised: object) -> None:
        await self._line.__aexit__(*raised)

    async def reconnect(self, it: Scene) -> None:
        """Lose the connection and come back without a boot, as nothing has changed."""
        await self._line.__aexit__(None, None, None)
        self._line = self._bench.connected(boots=False)
        it.station = it.session.station = await self._line.__aenter__()


@case("TC_E_01", "A start when the power path closes: card and cable come first", *TWO)
async def test_tc_e_01_power_path_closed(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.plugs_in()
        await it.starts("CablePluggedIn", "EVConnected")
        await it.charges()


@case("TC_E_02", "A start when energy flows", *TWO)
async def test_tc_e_02_energy_transfer(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.plugs_in()
        await it.starts("ChargingStateChanged", "Charging")
        assert (await bench.transaction())["state"] == "Charging"


@both_engines
@case("TC_E_03", "The cable first, then the card", *TWO)
async def test_tc_e_03_cable_first(bench: Bench):
    async with scene(bench) as it:
        await it.plugs_in()
        await it.starts("CablePluggedIn", "EVConnected", is_known=False)
        await it.authorizes()
        await it.updates("Authorized", "EVConnected", token=CARD)
        await it.charges()
        assert (await bench.transaction())["token_value"] == CARD


@case("TC_E_04", "The card first, then the cable", *TWO)
async def test_tc_e_04_card_first(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.starts("Authorized", "Idle")
        await it.plugs_in()
        await it.updates("CablePluggedIn", "EVConnected")
        await it.charges()


@case("TC_E_07", "A stop at the station opens the power path and ends the transaction", *TWO)
async def test_tc_e_07_local_stop(bench: Bench):
    async with scene(bench) as it:
        await it.starts("Authorized", "EVConnected")
        await it.charges()
        await it.authorizes()
        await it.ends("StopAuthorized", "Local", token=CARD)


@case("TC_E_08", "Energy stops as the stop is authorised, and the transaction ends", *TWO)
async def test_tc_e_08_energy_stops(bench: Bench):
    async with scene(bench) as it:
        await it.starts("ChargingStateChanged", "Charging")
        await it.authorizes()
        await it.ends("StopAuthorized", "Local", "SuspendedEVSE", token=CARD)


@case("TC_E_09", "A start when a vehicle is connected", *TWO)
async def test_tc_e_09_vehicle_connected(bench: Bench):
    async with scene(bench) as it:
        await it.plugs_in()
        await it.starts("CablePluggedIn", "EVConnected", is_known=False)
        kept = await bench.transaction()
        assert (kept["is_open"], kept["state"], kept["token_value"]) == (True, "EVConnected", None)


@case("TC_E_10", "A start when the card is accepted, before any cable", *TWO)
async def test_tc_e_10_authorized(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.starts("Authorized", "Idle")
        kept = await bench.transaction()
        assert (kept["is_open"], kept["state"], kept["token_value"]) == (True, "Idle", CARD)


def signed(register_wh: int) -> dict[str, Any]:
    """Return a value with a signature, as a meter gives it."""
    data = {"signedMeterData": "T0NNRnx7fQ==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}
    return {"value": register_wh, "context": "Transaction.Begin", "signedMeterValue": data}


@case("TC_E_11", "A start when the first signed value is there", *TWO)
async def test_tc_e_11_data_signed(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.plugs_in()
        values = [{"timestamp": it.station.time, "sampledValue": [signed(1000)]}]
        await it.starts("SignedDataReceived", "EVConnected", meterValue=values)
        await it.charges()
        kept = await bench.transaction()
        assert len(await bench.get(f"/transactions/{kept['id']}/signed-values")) == 1


@case("TC_E_12", "A start when the bay is occupied; card and cable follow", *TWO)
async def test_tc_e_12_bay_occupied(bench: Bench):
    async with scene(bench) as it:
        await it.starts("EVDetected", "Idle", is_known=False)
        await it.plugs_in()
        await it.updates("CablePluggedIn", "EVConnected")
        await it.updates("Authorized", "EVConnected", token=CARD)
        await it.charges()


async def charging(it: Scene) -> None:
    await it.authorizes()
    await it.plugs_in()
    await it.starts("Authorized", "EVConnected")
    await it.charges()


@case("TC_E_14", "The cable is pulled at the station after the stop: the transaction ends then", *TWO)
async def test_tc_e_14_cable_at_the_station(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.updates("StopAuthorized", "EVConnected", token=CARD)
        await it.goes()
        await it.ends("EVCommunicationLost", "EVDisconnected", "Idle")


@case("TC_E_15", "The driver stops with a card: the transaction ends with the card's end", *TWO)
async def test_tc_e_15_stop_authorized(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.authorizes()
        await it.ends("StopAuthorized", "Local", token=CARD)
        assert (await bench.transaction())["stop_token_value"] == CARD


async def refused(it: Scene) -> None:
    """Begin with a card that is good no longer, and have the station hear so."""
    (token,) = (await it.bench.get("/tokens"))["items"]
    await it.bench.post(f"/tokens/{token['id']}/block", {"reason": "Lost."})
    said = await it.session.tell(
        "Started", "Authorized", "EVConnected", token=CARD, has_evse=True, context="Transaction.Begin", offline=True
    )
    assert said["idTokenInfo"]["status"] in ("Blocked", "Invalid")


@case("TC_E_16", "A card that is refused after the start ends the transaction", *TWO)
async def test_tc_e_16_deauthorized(bench: Bench):
    async with scene(bench) as it:
        await refused(it)
        assert "idTokenInfo" not in await it.session.end("Deauthorized", "DeAuthorized")
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"]) == (False, "DeAuthorized")


@case("TC_E_17", "After a card was refused the energy stops, and the pulled cable ends the transaction", *TWO)
async def test_tc_e_17_deauthorized_and_unplugged(bench: Bench):
    async with scene(bench) as it:
        await refused(it)
        await it.session.update("Deauthorized", "SuspendedEVSE")
        assert (await bench.transaction())["is_open"]
        await it.session.end("EVCommunicationLost", "EVDisconnected", "Idle")
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"]) == (False, "EVDisconnected")


@case("TC_E_19", "The transaction ends when the bay is free again", *TWO)
async def test_tc_e_19_bay_free(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.updates("StopAuthorized", "EVConnected", token=CARD)
        await it.updates("EVCommunicationLost", "Idle")
        await it.ends("EVDeparted", "Local", "Idle")


@case("TC_E_20", "The cable is pulled at the vehicle: the transaction ends", *TWO)
async def test_tc_e_20_cable_at_the_vehicle(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.goes()
        await it.ends("EVCommunicationLost", "EVDisconnected", "Idle")


@case("TC_E_21", "A stop by the CSMS: accepted, and the transaction ends", *TWO)
async def test_tc_e_21_remote_stop(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        told = await bench.post("/stations/CS/stop", {"transaction": it.session.name})
        assert told["is_accepted"]
        assert it.station.payloads("RequestStopTransaction") == [{"transactionId": it.session.name}]
        await it.ends("RemoteStop", "Remote")


@case("TC_E_22", "The vehicle takes no more energy, and the transaction ends", *TWO)
async def test_tc_e_22_suspended_by_the_vehicle(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.ends("ChargingStateChanged", "StoppedByEV", "SuspendedEV")


@case("TC_E_26", "The cable is pulled at the vehicle and plugged in again: the transaction goes on", *TWO)
async def test_tc_e_26_suspended_by_the_cable(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await it.updates("EVCommunicationLost", "Idle")
        assert (await bench.transaction())["is_open"]
        await it.updates("CablePluggedIn", "EVConnected")
        await it.charges()
        await it.ends("StopAuthorized", "Local", token=CARD)


@case("TC_E_38", "The vehicle is not ready: suspended by it until it takes energy", *TWO)
async def test_tc_e_38_vehicle_not_ready(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.starts("Authorized", "EVConnected")
        await it.updates("ChargingStateChanged", "SuspendedEV")
        assert (await bench.transaction())["state"] == "SuspendedEV"
        await it.charges()


@case("TC_E_39", "A card, and no cable in time: the transaction ends by itself", *TWO)
async def test_tc_e_39_no_cable(bench: Bench):
    async with scene(bench) as it:
        await it.authorizes()
        await it.starts("Authorized", "Idle")
        await it.ends("EVConnectTimeout", "Timeout", "Idle")


@case("TC_E_53", "Each transaction counts its events from 0", *TWO)
async def test_tc_e_53_counting(bench: Bench):
    async with scene(bench) as it:
        for number in range(2):
            session = Session(it.station, f"TX-{number}")
            await session.start()
            await session.end("StopAuthorized", "Local", token=CARD)
    assert [(one["is_open"], one["anomaly_count"]) for one in await bench.transactions()] == [(False, 0)] * 2


async def ask(bench: Bench, it: Scene, answer: dict[str, bool], *, is_named: bool) -> Any:
    """Ask the station about its transaction, or about none, and return what a person sees."""
    it.station.answer("GetTransactionStatus", answer)
    told = await bench.post("/stations/CS/transaction-status", {"transaction": it.session.name} if is_named else {})
    sent = {"transactionId": it.session.name} if is_named else {}
    assert it.station.payloads("GetTransactionStatus") == [sent]
    assert told["has_messages"] is answer["messagesInQueue"]
    assert told["is_ongoing"] is answer.get("ongoingIndicator")
    return told


@case("TC_E_29", "Asked about a transaction: it runs, and messages of it wait", *TWO)
async def test_tc_e_29_runs_and_has_messages(bench: Bench):
    line = scene(bench)
    async with line as it:
        await charging(it)
        await line.reconnect(it)
        await ask(bench, it, {"ongoingIndicator": True, "messagesInQueue": True}, is_named=True)
        await it.session.update("MeterValuePeriodic", "Charging", context="Sample.Periodic", offline=True)
    assert (await bench.transaction())["is_open"]


@case("TC_E_30", "Asked about a transaction: it runs, and nothing waits", *TWO)
async def test_tc_e_30_runs(bench: Bench):
    async with scene(bench) as it:
        await charging(it)
        await ask(bench, it, {"ongoingIndicator": True, "messagesInQueue": False}, is_named=True)
    assert (await bench.transaction())["is_open"]


@case("TC_E_31", "Asked about a transaction: it is over, and its last messages wait", *TWO)
async def test_tc_e_31_over_and_has_messages(bench: Bench):
    line = scene(bench)
    async with line as it:
        await charging(it)
        await line.reconnect(it)
        await ask(bench, it, {"ongoingIndicator": False, "messagesInQueue": True}, is_named=True)
        assert (await bench.transaction())["is_open"]
        await it.ends("StopAuthorized", "Local", token=CARD, offline=True)


@case("TC_E_33", "Asked about no transaction: messages wait", *TWO)
async def test_tc_e_33_messages_wait(bench: Bench):
    async with scene(bench) as it:
        await ask(bench, it, {"messagesInQueue": True}, is_named=False)


@case("TC_E_34", "Asked about no transaction: nothing waits", *TWO)
async def test_tc_e_34_nothing_waits(bench: Bench):
    async with scene(bench) as it:
        await ask(bench, it, {"messagesInQueue": False}, is_named=False)
