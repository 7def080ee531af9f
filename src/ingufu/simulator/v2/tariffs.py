"""What a simulated 2.1 station answers about tariffs, web payments and priority: kept and reported, never priced."""

from collections.abc import Callable, Mapping

from ingufu.simulator.dialect import Answer
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]


def _set_default(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    number = int(payload["evseId"])
    if number and memory.station.evse(number) is None:
        return Answer(payload={"status": "Rejected"})
    memory.tariffs[number] = dict(payload["tariff"])
    return Answer(payload={"status": "Accepted"})


def _get(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    number = int(payload["evseId"])
    chosen = {evse: tariff for evse, tariff in memory.tariffs.items() if number in (0, evse) or evse == 0}
    if not chosen:
        return Answer(payload={"status": "NoTariff"})
    assignments = [
        {"tariffId": tariff["tariffId"], "tariffKind": "DefaultTariff", **({"evseIds": [evse]} if evse else {})}
        for evse, tariff in chosen.items()
    ]
    return Answer(payload={"status": "Accepted", "tariffAssignments": assignments})


def _clear(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    wanted, number = payload.get("tariffIds"), payload.get("evseId")
    chosen = [
        evse
        for evse, tariff in memory.tariffs.items()
        if (wanted is None or tariff["tariffId"] in wanted) and number in (None, 0, evse)
    ]
    results = [{"status": "Accepted", "tariffId": memory.tariffs.pop(evse)["tariffId"]} for evse in chosen]
    return Answer(payload={"clearTariffsResult": results or [{"status": "NoTariff"}]})


def _change_of_transaction(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    running = {evse.transaction.reference for evse in memory.station.evses if evse.transaction is not None}
    return Answer(payload={"status": "Accepted" if payload["transactionId"] in running else "TxNotFound"})


def _priority(memory: Memory, _: TransactionEvents, __: Payload) -> Answer:
    has_profile = any(profile.purpose == "PriorityCharging" for profile in memory.station.profiles.all())
    return Answer(payload={"status": "Accepted" if has_profile else "NoProfile"})


def _web_payment(_: Memory, __: TransactionEvents, ___: Payload) -> Answer:
    return Answer(payload={})


TARIFFS: Mapping[str, Answerer] = {
    "ChangeTransactionTariff": _change_of_transaction,
    "ClearTariffs": _clear,
    "GetTariffs": _get,
    "NotifyWebPaymentStarted": _web_payment,
    "SetDefaultTariff": _set_default,
    "UsePriorityCharging": _priority,
}
