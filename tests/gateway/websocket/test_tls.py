"""TLS listeners of security profiles 2 and 3: what is agreed, what is refused, and that every failure is heard."""

import datetime as dt
import socket as sockets
import ssl
import struct
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from gateway.websocket.peer import TEXT, RunningServer, Station, close, frame
from ingufu.core.errors import SettingsError
from ingufu.gateway.websocket import (
    Cause,
    CertificateFiles,
    Endpoint,
    ServerLimits,
    ServerTls,
    TlsSettings,
)

STATIC_RSA = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"]
ECDHE_ECDSA = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]


class Authority:
    """A certificate authority with files on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.ca = trustme.CA(organization_name="Test roots", key_type=trustme.KeyType.ECDSA)
        self.bundle = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.bundle)

    def issue(self, name: str, *identities: str, **options) -> CertificateFiles:
        leaf = self.ca.issue_cert(*(identities or ("localhost", "127.0.0.1")), **options)
        files = CertificateFiles(certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key")
        files.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(files.key)
        return files


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("roots"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="module")
def certificates(roots: Authority) -> tuple[CertificateFiles, CertificateFiles]:
    return (
        roots.issue("ecdsa", key_type=trustme.KeyType.ECDSA),
        roots.issue("rsa", key_type=trustme.KeyType.RSA),
    )


@pytest.fixture(scope="module")
def station_files(roots: Authority) -> CertificateFiles:
    return roots.issue("station", "station.example", common_name="SN-0042", organization_name="Operator Ltd")


@pytest.fixture
def settings(certificates) -> TlsSettings:
    return TlsSettings(certificates=certificates)


@pytest.fixture
def mutual_settings(certificates, roots) -> TlsSettings:
    return TlsSettings(certificates=certificates, client_authorities=roots.bundle)


def endpoint(settings: TlsSettings, name: str = "tls") -> Endpoint:
    return Endpoint(name=name, host="127.0.0.1", port=0, tls=ServerTls(settings))


def client_context(
    roots: Authority,
    *,
    files: CertificateFiles | None = None,
    ciphers: list[str] | None = None,
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(roots.bundle))
    if files is not None:
        context.load_cert_chain(files.certificate, files.key)
    if ciphers is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(ciphers))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def tls(context: ssl.SSLContext):
    return {"wrap": lambda raw: context.wrap_socket(raw, server_hostname="localhost")}


def assert_tls_fails(server: RunningServer, connect, context: ssl.SSLContext, cause: Cause) -> str:
    """With TLS 1.3 a client may learn of its refusal only when it reads."""
    with pytest.raises((OSError, AssertionError)):
        connect(**tls(context)).upgrade()
    attempt = server.next_attempt()
    assert attempt.cause is cause, attempt
    assert attempt.listener == "tls"
    assert attempt.remote[0] == "127.0.0.1"
    assert server.requests.empty()
    server.wait_until(lambda: server.server.counters.handshakes_open == 0)
    assert server.server.counters.failed == {cause.value: 1}
    return attempt.detail


class TestServerAuthentication:
    """Security profile 2."""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_station_speaks_through_tls(self, idle_server, connect, settings, roots, version):
        idle_server.start(endpoint(settings))
        station = connect(**tls(client_context(roots, version=version)))
        station.upgrade()
        info = idle_server.requests.get().tls
        assert info.version == station.socket.version()
        assert info.cipher == station.socket.cipher()[0]
        assert info.certificate is None
        for text in [b"x", b"y" * 20_000, b"z" * 300_000]:
            station.send(frame(TEXT, text))
            assert station.frame().payload == text
        station.send(close(1000))
        assert station.frame().close_code == 1000
        station.close()
        assert idle_server.handler.wait_closed().is_clean

    @pytest.mark.parametrize("cipher", ECDHE_ECDSA + STATIC_RSA)
    def test_every_cipher_suite_that_ocpp_demands_is_offered(self, idle_server, connect, settings, roots, cipher):
        idle_server.start(endpoint(settings))
        connect(**tls(client_context(roots, ciphers=[cipher]))).upgrade()
        assert idle_server.requests.get().tls.cipher == cipher

    def test_station_that_prefers_badly_gets_forward_secrecy(self, idle_server, connect, settings, roots):
        idle_server.start(endpoint(settings))
        connect(**tls(client_context(roots, ciphers=[*STATIC_RSA, *ECDHE_ECDSA]))).upgrade()
        assert idle_server.requests.get().tls.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384"

    def test_request_in_the_same_packet_as_the_end_of_tls_is_read(self, idle_server, connect, settings, roots):
        """The application's first bytes may come before the handshake task has gone on."""
        idle_server.start(endpoint(settings))
        raw = sockets.create_connection(idle_server.address, timeout=5)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = client_context(roots).wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                connection.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        connection.write(Station.request(None) + frame(TEXT, b"at once"))
        raw.sendall(outgoing.read())  # the client's Finished, the request and a frame together
        idle_server.handler.wait("opened")
        assert idle_server.handler.wait("received") == b"at once"
        raw.close()

    def test_listeners_of_all_kinds_stand_side_by_side(
        self, idle_server, connect, settings, mutual_settings, roots, station_files
    ):
        plain = Endpoint(name="plain", host="127.0.0.1", port=0)
        addresses = idle_server.start(plain, endpoint(settings), endpoint(mutual_settings, "mutual"))
        connect(addresses[0]).upgrade()
        connect(addresses[1], **tls(client_context(roots))).upgrade()
        connect(addresses[2], **tls(client_context(roots, files=station_files))).upgrade()
        assert [idle_server.requests.get().listener for _ in range(3)] == ["plain", "tls", "mutual"]


class TestClientCertificates:
    """Security profile 3."""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_owner_sees_the_certificate_before_it_decides(
        self, idle_server, connect, mutual_settings, roots, station_files, version
    ):
        idle_server.start(endpoint(mutual_settings))
        connect(**tls(client_context(roots, files=station_files, version=version))).upgrade()
        certificate = idle_server.requests.get().tls.certificate
        assert (certificate.common_name, certificate.organization) == ("SN-0042", "Operator Ltd")
        parsed = x509.load_pem_x509_certificate(station_files.certificate.read_bytes())
        assert certificate.der == parsed.public_bytes(serialization.Encoding.DER)
        assert certificate.serial_number == parsed.serial_number
        assert certificate.not_after_at == parsed.not_valid_after_utc

    def test_certificate_without_name_is_seen_without_name(self, idle_server, connect, mutual_settings, roots):
        files = roots.issue("nameless", "x.example", common_name=None)
        idle_server.start(endpoint(mutual_settings))
        connect(**tls(client_context(roots, files=files))).upgrade()
        assert idle_server.requests.get().tls.certificate.common_name is None

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_no_certificate_is_refused_and_reported(self, idle_server, connect, mutual_settings, roots, version):
        idle_server.start(endpoint(mutual_settings))
        assert_tls_fails(idle_server, connect, client_context(roots, version=version), Cause.TLS_NO_CERTIFICATE)

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_unknown_authority_is_refused_and_reported(
        self, idle_server, connect, mutual_settings, roots, strangers, version
    ):
        idle_server.start(endpoint(mutual_settings))
        files = strangers.issue("stranger", "station.example", common_name="SN-0042")
        context = client_context(roots, files=files, version=version)
        assert_tls_fails(idle_server, connect, context, Cause.TLS_UNKNOWN_CA)

    def test_expired_certificate_is_refused_and_reported(self, idle_server, connect, mutual_settings, roots):
        idle_server.start(endpoint(mutual_settings))
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        files = roots.issue("expired", "station.example", not_after=yesterday)
        detail = assert_tls_fails(idle_server, connect, client_context(roots, files=files), Cause.TLS_EXPIRED)
        assert "expired" in detail

    def test_certificate_not_yet_valid_is_refused_and_reported(self, idle_server, connect, mutual_settings, roots):
        idle_server.start(endpoint(mutual_settings))
        tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        files = roots.issue("future", "station.example", not_before=tomorrow)
        context = client_context(roots, files=files)
        assert "not yet valid" in assert_tls_fails(idle_server, connect, context, Cause.TLS_BAD_CERTIFICATE)

    def test_revoked_certificate_is_refused_and_others_are_not(
        self, idle_server, connect, mutual_settings, roots, station_files, tmp_path
    ):
        revoked = roots.issue("revoked", "station.example")
        serial = x509.load_pem_x509_certificate(revoked.certificate.read_bytes()).serial_number
        now = dt.datetime.now(dt.UTC)
        issuer = x509.load_pem_x509_certificate(roots.bundle.read_bytes())
        key = serialization.load_pem_private_key(roots.ca.private_key_pem.bytes(), None)
        builder = x509.CertificateRevocationListBuilder(issuer.subject, now, now + dt.timedelta(days=1))
        entry = x509.RevokedCertificateBuilder(serial, now).build()
        lists = tmp_path / "crl.pem"
        crl = builder.add_revoked_certificate(entry).sign(key, hashes.SHA256())
        lists.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        settings = TlsSettings(
            certificates=mutual_settings.certificates, client_authorities=roots.bundle, revocation_lists=lists
        )
        idle_server.start(endpoint(settings))
        assert_tls_fails(idle_server, connect, client_context(roots, files=revoked), Cause.TLS_REVOKED)
        connect(**tls(client_context(roots, files=station_files))).upgrade()


class TestBrokenHandshakes:
    """Each is reported with its cause; asyncio's own server would tell nobody."""

    def test_plain_http_on_a_tls_port(self, idle_server, connect, settings):
        idle_server.start(endpoint(settings))
        station = connect()
        station.send(station.request())
        assert idle_server.next_attempt().cause is Cause.TLS_PLAIN_HTTP

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_only_old_tls_is_refused(self, idle_server, connect, settings, roots, version):
        idle_server.start(endpoint(settings))
        context = client_context(roots)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        assert_tls_fails(idle_server, connect, context, Cause.TLS_VERSION)

    def test_no_cipher_suite_in_common(self, idle_server, connect, settings, roots):
        idle_server.start(endpoint(settings))
        context = client_context(roots, ciphers=["ECDHE-RSA-AES128-SHA256"])
        assert_tls_fails(idle_server, connect, context, Cause.TLS_CIPHER)

    def test_station_that_does_not_trust_us(self, idle_server, connect, settings, strangers):
        idle_server.start(endpoint(settings))
        detail = assert_tls_fails(idle_server, connect, client_context(strangers), Cause.TLS_REJECTED)
        assert detail == "the station ended TLS: unknown ca"

    def test_bytes_that_are_no_tls(self, idle_server, connect, settings):
        idle_server.start(endpoint(settings))
        connect().send(b"\x00" * 100)
        assert idle_server.next_attempt().cause is Cause.TLS_BROKEN

    @pytest.mark.parametrize("is_reset", [True, False])
    def test_hanging_up_within_tls(self, idle_server, connect, settings, is_reset):
        idle_server.start(endpoint(settings))
        station = connect()
        station.send(b"\x16\x03\x01")
        if is_reset:
            station.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        station.close()
        assert idle_server.next_attempt().cause is Cause.TLS_BROKEN

    def test_half_open_tls_is_given_up(self, idle_server, connect, settings):
        idle_server.limits = ServerLimits(handshake_timeout_s=0.05)
        idle_server.start(endpoint(settings))
        station = connect()
        station.send(b"\x16\x03\x01")
        assert idle_server.next_attempt().cause is Cause.TLS_TIMEOUT
        assert station.is_ended()

    def test_hanging_up_after_tls(self, idle_server, connect, settings, roots):
        idle_server.start(endpoint(settings))
        connect(**tls(client_context(roots))).close()
        attempt = idle_server.next_attempt()
        assert attempt.cause is Cause.CLOSED_EARLY
        assert attempt.tls is not None

    def test_slow_request_within_tls_is_given_up(self, idle_server, connect, settings, roots):
        idle_server.limits = ServerLimits(handshake_timeout_s=0.2)
        idle_server.start(endpoint(settings))
        station = connect(**tls(client_context(roots)))
        station.send(b"GET /")
        assert station.answer().status == 408
        assert idle_server.next_attempt().cause is Cause.TIMEOUT

    def test_tls_handshakes_over_the_rate_wait_their_turn(self, idle_server, connect, settings, roots):
        idle_server.limits = ServerLimits(handshakes_per_s=2, handshake_burst=1)  # slower than any machine
        idle_server.start(endpoint(settings))
        for _ in range(4):
            connect(**tls(client_context(roots))).upgrade()
        assert idle_server.server.counters.handshakes_delayed == 3

    def test_violation_within_tls_ends_with_its_close_code(self, idle_server, connect, settings, roots):
        idle_server.start(endpoint(settings))
        station = connect(**tls(client_context(roots)))
        station.upgrade()
        station.send(frame(TEXT, b"x", mask=None))
        assert station.frame().close_code == 1002
        station.close()
        assert idle_server.handler.wait_closed().code == 1002


class TestServerContext:
    def test_renewed_certificate_is_used_after_reload(self, idle_server, connect, roots, tmp_path):
        ours = Authority(tmp_path / "ours")
        files = ours.issue("server", not_after=dt.datetime(2037, 1, 1, tzinfo=dt.UTC))
        server_tls = ServerTls(TlsSettings(certificates=(files,)))
        idle_server.start(Endpoint(name="tls", host="127.0.0.1", port=0, tls=server_tls))
        context = client_context(ours)
        before = connect(**tls(context))
        before.upgrade()
        ours.issue("server", not_after=dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
        server_tls.reload()
        after = connect(**tls(context))
        after.upgrade()
        assert before.socket.getpeercert()["notAfter"].split()[3] == "2037"
        assert after.socket.getpeercert()["notAfter"].split()[3] == "2036"
        before.send(close(1000))
        assert before.frame().close_code == 1000

    def test_failed_reload_goes_on_as_before(self, tmp_path):
        files = Authority(tmp_path).issue("server")
        server_tls = ServerTls(TlsSettings(certificates=(files,)))
        context = server_tls.context
        files.certificate.write_text("half written")
        with pytest.raises(SettingsError, match=r"server\.pem"):
            server_tls.reload()
        assert server_tls.context is context

    def test_missing_file_is_named(self, tmp_path):
        files = CertificateFiles(certificate=tmp_path / "absent.pem", key=tmp_path / "absent.key")
        with pytest.raises(SettingsError, match=r"absent\.pem"):
            ServerTls(TlsSettings(certificates=(files,)))

    def test_no_certificate_at_all_is_a_mistake(self):
        with pytest.raises(SettingsError, match="at least one certificate"):
            ServerTls(TlsSettings(certificates=()))

    def test_encrypted_key_is_a_mistake_and_asks_nobody(self, roots, tmp_path):
        files = roots.issue("locked")
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        locked = CertificateFiles(certificate=files.certificate, key=tmp_path / "locked.key")
        encryption = serialization.BestAvailableEncryption(b"secret")
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        locked.key.write_bytes(pem)
        with pytest.raises(SettingsError, match="encrypted"):
            ServerTls(TlsSettings(certificates=(locked,)))

    def test_unusable_client_authorities_are_named(self, certificates, tmp_path):
        bundle = tmp_path / "authorities.pem"
        bundle.write_text("")
        with pytest.raises(SettingsError, match=r"authorities\.pem"):
            ServerTls(TlsSettings(certificates=certificates, client_authorities=bundle))
