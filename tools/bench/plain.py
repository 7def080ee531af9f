"""The plain server: as conventional Python servers for stations are made, a yardstick and no straw man.

The `ocpp` package decodes, validates with its own JSON schemas and routes to handlers; `websockets` carries the frames;
each message is one commit to SQLite (WAL, FULL) before its answer. What makes such a server faster without changing
what it is, it has: uvloop, validation without the library's hop to a thread, indexes where it reads.
"""

import contextlib
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocpp.messages  # type: ignore[import-untyped]
import uvloop
import websockets
from ocpp.routing import on  # type: ignore[import-untyped]
from ocpp.v16 import ChargePoint as Station16  # type: ignore[import-untyped]
from ocpp.v16 import call_result as results16
from ocpp.v201 import ChargePoint as Station201  # type: ignore[import-untyped]
from ocpp.v201 import call_result as results201

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import wire
from bench.plain_stores import STORES, Reading, Store

Connection = websockets.ServerConnection
ACCEPTED = {"status": "Accepted"}
SUBPROTOCOLS = [websockets.Subprotocol("ocpp1.6"), websockets.Subprotocol("ocpp2.0.1")]


def _now() -> str:
    return datetime.now(UTC).isoformat()


class Plain16(Station16):  # type: ignore[misc]  # the library has no types
    """One station of OCPP 1.6."""

    def __init__(self, identity: str, connection: Connection, store: Store) -> None:
        super().__init__(identity, connection)
        self._store = store

    @on("BootNotification")  # type: ignore[untyped-decorator]
    def on_boot(self, charge_point_vendor: str, charge_point_model: str, **_: Any) -> Any:
        self._store.boot(self.id, charge_point_vendor, charge_point_model)
        return results16.BootNotification(current_time=_now(), interval=300, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    def on_heartbeat(self) -> Any:
        return results16.Heartbeat(current_time=_now())

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def on_status(self, connector_id: int, error_code: str, status: str, **rest: Any) -> Any:
        self._store.status(self.id, connector_id, status, error_code, rest.get("timestamp") or _now())
        return results16.StatusNotification()

    @on("Authorize")  # type: ignore[untyped-decorator]
    def on_authorize(self, id_tag: str) -> Any:
        is_known = self._store.authorize(self.id, id_tag)
        return results16.Authorize(id_tag_info={"status": "Accepted" if is_known else "Invalid"})

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def on_start(self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: Any) -> Any:
        number = self._store.start(self.id, connector_id, id_tag, meter_start, timestamp)
        return results16.StartTransaction(transaction_id=number, id_tag_info=ACCEPTED)

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def on_meter_values(
        self, connector_id: int, meter_value: list[dict[str, Any]], transaction_id: int | None = None
    ) -> Any:
        self._store.readings(self.id, connector_id, str(transaction_id), _readings(meter_value))
        return results16.MeterValues()

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    def on_stop(self, transaction_id: int, meter_stop: int, timestamp: str, **_: Any) -> Any:
        self._store.stop(transaction_id, meter_stop, timestamp)
        return results16.StopTransaction(id_tag_info=ACCEPTED)


class Plain201(Station201):  # type: ignore[misc]  # the library has no types
    """One station of OCPP 2.0.1."""

    def __init__(self, identity: str, connection: Connection, store: Store) -> None:
        super().__init__(identity, connection)
        self._store = store

    @on("BootNotification")  # type: ignore[untyped-decorator]
    def on_boot(self, charging_station: dict[str, Any], reason: str, **_: Any) -> Any:
        del reason
        self._store.boot(self.id, charging_station["vendor_name"], charging_station["model"])
        return results201.BootNotification(current_time=_now(), interval=300, status="Accepted")

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def on_status(self, timestamp: str, connector_status: str, evse_id: int, connector_id: int, **_: Any) -> Any:
        del connector_id
        self._store.status(self.id, evse_id, connector_status, "", timestamp)
        return results201.StatusNotification()

    @on("TransactionEvent")  # type: ignore[untyped-decorator]
    def on_event(
        self, event_type: str, timestamp: str, seq_no: int, transaction_info: dict[str, Any], **rest: Any
    ) -> Any:
        reference = transaction_info["transaction_id"]
        readings = _readings(rest.get("meter_value") or [])
        self._store.event(self.id, reference, event_type, seq_no, timestamp, readings)
        return results201.TransactionEvent()


def _readings(meter_values: list[dict[str, Any]]) -> list[Reading]:
    return [
        (one["timestamp"], sample.get("measurand", "Energy.Active.Import.Register"), str(sample["value"]))
        for one in meter_values
        for sample in one["sampled_value"]
    ]


async def main(port: int, storage: str, stations: int, folder: str) -> None:
    logging.getLogger("ocpp").setLevel(logging.WARNING)
    ocpp.messages.ASYNC_VALIDATION = False  # a hop to a thread for each message costs it a fifth
    store = STORES[storage](f"{folder}/plain.sqlite")
    store.prepare([wire.token(number) for number in range(stations)])

    async def serve(connection: Connection) -> None:
        path = connection.request.path if connection.request is not None else ""
        kind = Plain201 if connection.subprotocol == "ocpp2.0.1" else Plain16
        with contextlib.suppress(websockets.ConnectionClosed):
            await kind(path.rpartition("/")[2], connection, store).start()

    async with websockets.serve(serve, "127.0.0.1", port, subprotocols=SUBPROTOCOLS) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
