"""What a simulated 2.x station answers about certificates, logs and firmware."""

from collections.abc import Callable, Mapping

from ingufu.simulator import errands, flow
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Reason
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory
from ingufu.simulator.wording import read_instant

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]


def sign(memory: Memory, kind: str) -> None:
    """Ask for a certificate of that kind."""
    station = memory.station
    organisation = memory.device_model.value("SecurityCtrlr", "OrganizationName")
    csr = memory.certificates.signing_request(station.rng, organisation=organisation, serial=station.spec.serial)
    memory.say("SignCertificate", {"csr": csr, "certificateType": kind})


def _certificate_signed(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    if memory.certificates.accept_chain(str(payload["certificateChain"])):
        return Answer(payload={"status": "Accepted"})
    info = "the chain is not for the key of this station"

    def tell() -> None:
        memory.station.dialect.security_event("InvalidChargingStationCertificate", info)

    said: Payload = {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}}
    return Answer(payload=said, after=tell)


def _install(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    status = memory.certificates.install(str(payload["certificateType"]), str(payload["certificate"]))
    return Answer(payload={"status": status})


def _installed(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    found = memory.certificates.installed(payload.get("certificateType"))
    if not found:
        return Answer(payload={"status": "NotFound"})
    chain = [{"certificateType": kind, "certificateHashData": data} for kind, data in found]
    return Answer(payload={"status": "Accepted", "certificateHashDataChain": chain})


def _delete(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    return Answer(payload={"status": memory.certificates.delete(payload["certificateHashData"])})


def _get_log(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    location = str(payload["log"]["remoteLocation"])
    request_id = int(payload["requestId"])
    steps = errands.LOG_FAILED if errands.fails(location) else errands.UPLOAD
    is_running = memory.log_errand.is_running
    name = f"{memory.station.spec.serial}-{str(payload['logType']).lower()}.log"

    def begin() -> None:
        if is_running:
            memory.log_errand.say("AcceptedCanceled")
        memory.log_errand.run(steps, request_id=request_id)

    return Answer(payload={"status": "AcceptedCanceled" if is_running else "Accepted", "filename": name}, after=begin)


def _update_firmware(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station, firmware = memory.station, payload["firmware"]
    location = str(firmware["location"])
    request_id = int(payload["requestId"])
    certificate = firmware.get("signingCertificate")
    if certificate is not None and "BEGIN CERTIFICATE" not in str(certificate):
        return Answer(payload={"status": "InvalidCertificate"})
    retrieve_at = read_instant(firmware["retrieveDateTime"])
    wait_s = 0.0 if retrieve_at is None else (retrieve_at - station.now()).total_seconds()
    status = "AcceptedCanceled" if memory.firmware_errand.is_running else "Accepted"
    steps = errands.FIRMWARE if certificate is None else errands.SIGNED_FIRMWARE

    def install() -> None:
        station.firmware = errands.next_firmware(location, station.firmware)
        memory.installed_after_boot = request_id
        flow.reset(station, hard=False, reason=Reason.REBOOT, boot_reason="FirmwareUpdate")

    def begin() -> None:
        if errands.fails(location):
            memory.firmware_errand.run(errands.FIRMWARE_FAILED, request_id=request_id, wait_s=wait_s)
        else:
            memory.firmware_errand.run(steps, request_id=request_id, wait_s=wait_s, done=install)

    return Answer(payload={"status": status}, after=begin)


SECURITY: Mapping[str, Answerer] = {
    "CertificateSigned": _certificate_signed,
    "DeleteCertificate": _delete,
    "GetInstalledCertificateIds": _installed,
    "GetLog": _get_log,
    "InstallCertificate": _install,
    "UpdateFirmware": _update_firmware,
}
