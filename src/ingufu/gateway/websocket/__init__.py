"""WebSockets for stations, by RFC 6455 and RFC 7692; the library below is known to one file, `frames`."""

from ingufu.gateway.websocket.counters import Counters
from ingufu.gateway.websocket.decisions import (
    Accept,
    AttemptFailed,
    Cause,
    ClosedBy,
    Closure,
    Connection,
    Decide,
    Decision,
    FailedAttempt,
    Handler,
    Refuse,
)
from ingufu.gateway.websocket.limits import ServerLimits, SocketLimits
from ingufu.gateway.websocket.messages import CloseCode
from ingufu.gateway.websocket.request import (
    BasicCredentials,
    Header,
    NoCredentials,
    PeerCertificate,
    TlsInfo,
    UpgradeRequest,
    basic_credentials,
)
from ingufu.gateway.websocket.server import Endpoint, WebSocketServer
from ingufu.gateway.websocket.tls import CertificateFiles, ServerTls, TlsSettings, server_context

__all__ = [
    "Accept",
    "AttemptFailed",
    "BasicCredentials",
    "Cause",
    "CertificateFiles",
    "CloseCode",
    "ClosedBy",
    "Closure",
    "Connection",
    "Counters",
    "Decide",
    "Decision",
    "Endpoint",
    "FailedAttempt",
    "Handler",
    "Header",
    "NoCredentials",
    "PeerCertificate",
    "Refuse",
    "ServerLimits",
    "ServerTls",
    "SocketLimits",
    "TlsInfo",
    "TlsSettings",
    "UpgradeRequest",
    "WebSocketServer",
    "basic_credentials",
    "server_context",
]
