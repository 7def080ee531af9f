"""What a simulated 1.6 station answers to the security extension: certificates, logs, signed firmware, triggers."""

from collections.abc import Callable

from ingufu.simulator import errands, flow
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Context, Reason
from ingufu.simulator.peer import Lane, Payload, Request
from ingufu.simulator.v16.memory import Memory
from ingufu.simulator.wording import read_instant

Answerer = Callable[[Memory, Payload], Answer]


def _certificate_signed(memory: Memory, payload: Payload) -> Answer:
    if memory.certificates.accept_chain(str(payload["certificateChain"])):
        return Answer(payload={"status": "Accepted"})
    info = "the chain is not for the key of this station"

    def tell() -> None:
        memory.station.dialect.security_event("InvalidChargePointCertificate", info)

    return Answer(payload={"status": "Rejected"}, after=tell)


def _install_certificate(memory: Memory, payload: Payload) -> Answer:
    status = memory.certificates.install(str(payload["certificateType"]), str(payload["certificate"]))
    return Answer(payload={"status": status})


def _delete_certificate(memory: Memory, payload: Payload) -> Answer:
    return Answer(payload={"status": memory.certificates.delete(payload["certificateHashData"])})


def _get_installed(memory: Memory, payload: Payload) -> Answer:
    found = memory.certificates.installed([str(payload["certificateType"])])
    if not found:
        return Answer(payload={"status": "NotFound"})
    return Answer(payload={"status": "Accepted", "certificateHashData": [data for _, data in found]})


def _get_log(memory: Memory, payload: Payload) -> Answer:
    location = str(payload["log"]["remoteLocation"])
    request_id = int(payload["requestId"])
    steps = errands.LOG_FAILED if errands.fails(location) else errands.UPLOAD
    status = "AcceptedCanceled" if memory.log_errand.is_running else "Accepted"
    memory.log_is_diagnostics = False
    name = f"{memory.station.spec.serial}-{str(payload['logType']).lower()}.log"
    return Answer(
        payload={"status": status, "filename": name},
        after=lambda: memory.log_errand.run(steps, request_id=request_id),
    )


def _signed_update(memory: Memory, payload: Payload) -> Answer:
    station, firmware = memory.station, payload["firmware"]
    location = str(firmware["location"])
    if "BEGIN CERTIFICATE" not in str(firmware["signingCertificate"]):
        return Answer(payload={"status": "InvalidCertificate"})
    retrieve_at = read_instant(firmware["retrieveDateTime"])
    wait_s = 0.0 if retrieve_at is None else (retrieve_at - station.now()).total_seconds()
    status = "AcceptedCanceled" if memory.firmware_errand.is_running else "Accepted"
    request_id = int(payload["requestId"])

    def install() -> None:
        station.firmware = errands.next_firmware(location, station.firmware)
        memory.installed_after_boot = True
        flow.reset(station, hard=False, reason=Reason.REBOOT, boot_reason="FirmwareUpdate")

    def begin() -> None:
        memory.firmware_is_signed = True
        has_failed = errands.fails(location)
        memory.firmware_errand.run(
            errands.FIRMWARE_FAILED if has_failed else errands.SIGNED_FIRMWARE,
            request_id=request_id,
            wait_s=wait_s,
            done=None if has_failed else install,
        )

    return Answer(payload={"status": status}, after=begin)


def _extended_trigger(memory: Memory, payload: Payload) -> Answer:
    station = memory.station
    number = payload.get("connectorId")
    chosen = [evse for evse in station.evses if not number or evse.number == number]

    def values() -> None:
        for evse in chosen:
            station.dialect.sampled(evse, flow.read(station, evse), Context.TRIGGER)

    def statuses() -> None:
        for evse in chosen:
            station.dialect.report_status(evse, is_asked=True)

    follow: dict[str, Callable[[], None]] = {
        "BootNotification": lambda: station.send_boot("Triggered"),
        "Heartbeat": lambda: station.send_heartbeat(lane=Lane.URGENT),
        "MeterValues": values,
        "StatusNotification": statuses,
        "FirmwareStatusNotification": memory.firmware_errand.repeat,
        "LogStatusNotification": memory.log_errand.repeat,
        "SignChargePointCertificate": lambda: _sign(memory),
    }
    known = follow.get(str(payload["requestedMessage"]))
    if known is not None and not chosen:
        return Answer(payload={"status": "Rejected"})
    return Answer(payload={"status": "NotImplemented" if known is None else "Accepted"}, after=known)


def _sign(memory: Memory) -> None:
    station = memory.station
    organisation = memory.configuration.keys()["CpoName"].value
    csr = memory.certificates.signing_request(station.rng, organisation=organisation, serial=station.spec.serial)
    station.peer.request(Request("SignCertificate", {"csr": csr}, Lane.URGENT))


SECURITY: dict[str, Answerer] = {
    "CertificateSigned": _certificate_signed,
    "DeleteCertificate": _delete_certificate,
    "ExtendedTriggerMessage": _extended_trigger,
    "GetInstalledCertificateIds": _get_installed,
    "GetLog": _get_log,
    "InstallCertificate": _install_certificate,
    "SignedUpdateFirmware": _signed_update,
}
