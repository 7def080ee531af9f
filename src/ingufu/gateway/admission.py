"""Who may connect: the path, the identity, the credentials and the version of an upgrade request, judged before it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
import structlog

from ingufu.core.errors import Conflict, TooManyRequests, Unavailable
from ingufu.core.ids import IDENTITY_MAX_LENGTH
from ingufu.gateway.displacing import Displacements
from ingufu.gateway.websocket import (
    Accept,
    BasicCredentials,
    Cause,
    CloseCode,
    Closure,
    Connection,
    Decision,
    FailedAttempt,
    Handler,
    NoCredentials,
    Refuse,
    SocketLimits,
    UpgradeRequest,
    basic_credentials,
)
from ingufu.infra.begun import begin
from ingufu.ocpp import versions
from ingufu.ocpp.versions import Version
from ingufu.services import Services
from ingufu.stations import decide
from ingufu.stations.model import Attempt, AttemptOutcome, Credentials, Presented, Station
from ingufu.stations.quirks.model import NO_EFFECTS, NOTHING, Effects

NO_CONNECTION_HEADER, OTHER_LETTERS = 2, 5  # quirks that are coped with for everybody
TEXT_LIMIT = 300  # characters kept of what a stranger sent

log = structlog.get_logger(__name__)


class AdmissionRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about connecting."""

    base_path: tuple[str, ...] = ("ocpp",)
    closes_on_mismatch: bool = False  # finish the handshake without a subprotocol and close (part 4), instead of 400
    allows_compression: bool = True
    ping_interval_s: float | None = 60.0
    limits: SocketLimits = SocketLimits()


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A connection about to open."""

    attempt: Attempt
    version: Version
    security_profile: int
    certificate_name: str | None
    password_hash: str | None = None  # of the password with which it came


_STATUS = {
    AttemptOutcome.WRONG_PATH: 404,
    AttemptOutcome.BAD_IDENTITY: 404,
    AttemptOutcome.UNKNOWN_STATION: 404,
    AttemptOutcome.WAITING_FOR_APPROVAL: 404,
    AttemptOutcome.REFUSED_STATION: 404,
    AttemptOutcome.NO_CREDENTIALS: 401,
    AttemptOutcome.WRONG_CREDENTIALS: 401,
    AttemptOutcome.PROFILE_TOO_LOW: 403,
    AttemptOutcome.NO_CLIENT_CERTIFICATE: 401,
    AttemptOutcome.WRONG_CERTIFICATE: 401,
    AttemptOutcome.NO_SUBPROTOCOL: 400,
    AttemptOutcome.UNSUPPORTED_SUBPROTOCOL: 400,
    AttemptOutcome.TOO_MANY_ATTEMPTS: 503,
    AttemptOutcome.PROBE: 503,
    AttemptOutcome.SHUTTING_DOWN: 503,
    AttemptOutcome.INTERNAL_ERROR: 503,
}

# What a stranger hears. Whether a station is unknown, waits or was refused is nothing that he should learn.
_SAID = {401: "Credentials needed.", 403: "Not allowed.", 404: "Nothing here.", 503: "Try again later."}

_OUTCOME_OF_CAUSE = {
    Cause.TLS_ON_PLAIN_PORT: AttemptOutcome.TLS_FAILED,
    Cause.TLS_NO_CERTIFICATE: AttemptOutcome.NO_CLIENT_CERTIFICATE,
    Cause.TLS_UNKNOWN_CA: AttemptOutcome.WRONG_CERTIFICATE,
    Cause.TLS_EXPIRED: AttemptOutcome.WRONG_CERTIFICATE,
    Cause.TLS_REVOKED: AttemptOutcome.WRONG_CERTIFICATE,
    Cause.TLS_BAD_CERTIFICATE: AttemptOutcome.WRONG_CERTIFICATE,
    Cause.MALFORMED: AttemptOutcome.MALFORMED_REQUEST,
    Cause.TOO_LARGE: AttemptOutcome.MALFORMED_REQUEST,
    Cause.METHOD: AttemptOutcome.NOT_A_WEBSOCKET,
    Cause.VERSION: AttemptOutcome.NOT_A_WEBSOCKET,
    Cause.NOT_WEBSOCKET: AttemptOutcome.NOT_A_WEBSOCKET,
    Cause.WEBSOCKET_VERSION: AttemptOutcome.NOT_A_WEBSOCKET,
    Cause.TIMEOUT: AttemptOutcome.TIMED_OUT,
    Cause.CLOSED_EARLY: AttemptOutcome.TIMED_OUT,
    Cause.DECISION_TIMEOUT: AttemptOutcome.INTERNAL_ERROR,
    Cause.DECISION_FAILED: AttemptOutcome.INTERNAL_ERROR,
    Cause.OVERLOADED: AttemptOutcome.TOO_MANY_ATTEMPTS,
    Cause.RATE_LIMITED: AttemptOutcome.TOO_MANY_ATTEMPTS,
    Cause.STOPPING: AttemptOutcome.SHUTTING_DOWN,
}


class Admission:
    """Decides each upgrade request and keeps what became of it. `connect` makes the handler of one that may come in.

    Once `is_closed` is set, nobody comes in any more.
    """

    def __init__(
        self,
        services: Services,
        rules: AdmissionRules,
        connect: Callable[[Admitted, Station], Handler],
        connected: Callable[[str], Admitted | None],
        displacements: Displacements,
    ) -> None:
        self._services = services
        self._rules = rules
        self._connect = connect
        self._connected = connected  # how a station's open connection came in
        self._displacements = displacements
        self.is_closed = False

    def decide(self, request: UpgradeRequest) -> Decision | Awaitable[Decision]:
        """Return whether to upgrade, at once if nothing has to be waited for.

        A refusal is kept with its cause for the operator.
        """
        deciding = self._decide(request)
        return begin(deciding) if self._services.database.reads_at_once else deciding

    async def _decide(self, request: UpgradeRequest) -> Decision:
        attempt = self._attempt(request)
        identity = self._identity(request)
        if self.is_closed:
            return self._refuse(attempt, AttemptOutcome.SHUTTING_DOWN, "The server is stopping.")
        if identity is None:
            return self._refuse(attempt, AttemptOutcome.WRONG_PATH, f"The path begins with {self._base()}/<identity>.")
        attempt = msgspec.structs.replace(attempt, identity=identity[:TEXT_LIMIT])
        flaw = decide.identity_flaw(identity)
        if flaw is not None:
            return self._refuse(attempt, AttemptOutcome.BAD_IDENTITY, flaw)
        try:
            return await self._judge(request, attempt, identity)
        except Unavailable as error:
            return self._refuse(attempt, AttemptOutcome.INTERNAL_ERROR, str(error))

    def failed(self, failed: FailedAttempt) -> None:
        """Keep an attempt that broke before there was anything to decide."""
        now = self._services.clock.now()
        certificate = None if failed.tls is None else failed.tls.certificate
        attempt = Attempt(
            id=self._services.ids.new(),
            at=now,
            last_at=now,
            listener=failed.listener,
            address=failed.remote[0],
            path=(failed.raw_path or "")[:TEXT_LIMIT],
            tls_version=None if failed.tls is None else failed.tls.version,
            certificate_name=None if certificate is None else certificate.common_name,
            outcome=_OUTCOME_OF_CAUSE.get(failed.cause, AttemptOutcome.TLS_FAILED),
            http_status=failed.status,
            detail=f"{failed.cause.value}: {failed.detail}"[:TEXT_LIMIT],
        )
        self._services.stations.record_attempt(attempt)

    async def _judge(
        self, request: UpgradeRequest, attempt: Attempt, identity: str, *, has_waited: bool = False
    ) -> Decision:
        stations = self._services.stations
        station = await stations.find_by_identity(identity)
        given = basic_credentials(request)
        if station is not None:
            attempt = msgspec.structs.replace(attempt, station_id=station.id)
        presented = self._presented(request, identity, station, given)
        outcome = decide.admit(station, presented, stations.rules)
        if outcome is not AttemptOutcome.CONNECTED or station is None:
            if station is None and outcome is AttemptOutcome.WAITING_FOR_APPROVAL:
                return await self._discover(attempt, identity, given)
            if station is not None and outcome is AttemptOutcome.WAITING_FOR_APPROVAL:
                stations.seen(station.id, attempt.at)  # it still calls: it is not to be swept from the list
            return self._refuse(attempt, outcome, _detail(outcome, station, given, presented))
        return await self._let_in(request, attempt, station, presented, has_waited=has_waited)

    async def _let_in(
        self, request: UpgradeRequest, attempt: Attempt, station: Station, presented: Presented, *, has_waited: bool
    ) -> Decision:
        """Open the connection of a station that has proven itself, unless they have no version in common."""
        stations = self._services.stations
        effects = stations.quirks.effects(station, attempt.user_agent)
        if effects.does.ignores_probes and self._is_probe(station, attempt):
            stations.quirks.met(station.id, effects.number("ignores_probes"))
            return self._refuse(attempt, AttemptOutcome.PROBE, "A trial beside its living connection.")
        version = self._version(station, request.subprotocols, effects)
        if version is None:
            return self._mismatch(attempt, request)
        if not has_waited and not self.is_closed:
            wait_s = self._displacements.wait_s(station.id)
            if wait_s is None:
                detail = "Connections of this station keep taking each other's place."
                return self._refuse(attempt, AttemptOutcome.TOO_MANY_ATTEMPTS, detail)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                return await self._judge(
                    request, attempt, attempt.identity or "", has_waited=True
                )  # much may have changed
        if self.is_closed:
            return self._refuse(attempt, AttemptOutcome.SHUTTING_DOWN, "The server is stopping.")
        return self._admit(
            request,
            station,
            effects,
            Admitted(
                attempt=msgspec.structs.replace(attempt, version=version.name),
                version=version,
                security_profile=decide.used_profile(station, presented, stations.rules),
                certificate_name=presented.certificate_name,
                password_hash=presented.password_hash,
            ),
        )

    def _is_probe(self, station: Station, attempt: Attempt) -> bool:
        """Return whether an attempt offers other versions than the connection that the station has."""
        live = self._connected(station.id)
        return live is not None and live.attempt.offered != attempt.offered

    def _admit(self, request: UpgradeRequest, station: Station, effects: Effects, admitted: Admitted) -> Accept:
        self._count_quirks(request, station, admitted, effects)
        interval = self._rules.ping_interval_s if station.ping_interval_s is None else float(station.ping_interval_s)
        if effects.does.sends_no_pings:
            interval = 0.0
        subprotocol = admitted.version.subprotocol
        if subprotocol not in request.subprotocols and effects.does.pins_version:
            subprotocol = next(iter(request.subprotocols), subprotocol)  # it is told what it offers
        return Accept(
            handler=self._connect(admitted, station),
            subprotocol=subprotocol if subprotocol in request.subprotocols else None,
            may_deflate=self._rules.allows_compression
            and station.allows_compression
            and not effects.does.switches_compression_off,
            ping_interval_s=interval or None,
            limits=self._rules.limits,
        )

    async def _discover(self, attempt: Attempt, identity: str, given: BasicCredentials | NoCredentials) -> Refuse:
        password = given.password if isinstance(given, BasicCredentials) else None
        try:
            async with self._services.database.work() as work:
                station = await self._services.stations.discover(
                    work, identity, address=attempt.address, password=password
                )
        except TooManyRequests as error:
            return self._refuse(attempt, AttemptOutcome.UNKNOWN_STATION, error.message)
        except Conflict:  # it called twice at once and is listed, or another took the place that it was to have
            return self._refuse(attempt, AttemptOutcome.WAITING_FOR_APPROVAL, "Listed now, or with its next call.")
        attempt = msgspec.structs.replace(attempt, station_id=station.id)
        return self._refuse(attempt, AttemptOutcome.WAITING_FOR_APPROVAL, "Unknown until now; listed for approval.")

    def _count_quirks(self, request: UpgradeRequest, station: Station, admitted: Admitted, effects: Effects) -> None:
        """Count what was odd about the request, and what was done about it."""
        met = self._services.stations.quirks.met
        does = effects.does
        if "connection-header" in request.tolerated:
            met(station.id, NO_CONNECTION_HEADER)
        if admitted.attempt.identity != station.identity:
            met(station.id, OTHER_LETTERS)
        if effects is NO_EFFECTS or does == NOTHING:
            return
        if does.assumes_version and not request.subprotocols:
            met(station.id, effects.number("assumes_version"))
        if does.pins_version and admitted.version.subprotocol != next(iter(request.subprotocols), None):
            met(station.id, effects.number("pins_version"))
        if does.switches_compression_off and request.extensions:
            met(station.id, effects.number("switches_compression_off"))
        if does.sends_no_pings:
            met(station.id, effects.number("sends_no_pings"))

    @staticmethod
    def _version(station: Station, offered: tuple[str, ...], effects: Effects) -> Version | None:
        pinned, assumed = effects.does.pins_version, station.assumed_version or effects.does.assumes_version
        if pinned is not None:
            return versions.negotiate((pinned,))
        if not offered and assumed is not None:
            return versions.negotiate((assumed,))
        return versions.negotiate(offered)

    def _mismatch(self, attempt: Attempt, request: UpgradeRequest) -> Decision:
        if not request.subprotocols:
            return self._refuse(attempt, AttemptOutcome.NO_SUBPROTOCOL, "No Sec-WebSocket-Protocol was offered.")
        outcome, detail = AttemptOutcome.UNSUPPORTED_SUBPROTOCOL, f"Offered: {', '.join(request.subprotocols)}."
        if not self._rules.closes_on_mismatch:
            return self._refuse(attempt, outcome, detail[:TEXT_LIMIT])
        self._keep_refusal(attempt, outcome, 101, f"Closed after the upgrade. {detail}"[:TEXT_LIMIT])
        return Accept(handler=_ClosingHandler(), subprotocol=None, may_deflate=False, ping_interval_s=None)

    def _presented(
        self,
        request: UpgradeRequest,
        identity: str,
        station: Station | None,
        given: BasicCredentials | NoCredentials,
    ) -> Presented:
        certificate = None if request.tls is None else request.tls.certificate
        credentials, password_hash = self._credentials(identity, station, given)
        return Presented(
            identity=identity,
            has_tls=request.tls is not None,
            credentials=credentials,
            password_hash=password_hash,
            certificate_name=None if certificate is None else certificate.common_name,
            certificate_organisation=None if certificate is None else certificate.organization,
        )

    def _credentials(
        self, identity: str, station: Station | None, given: BasicCredentials | NoCredentials
    ) -> tuple[Credentials, str | None]:
        """Judge the user name and the password, as bytes: the user must be the identity of the address.

        The hash of the password that was right comes with it.
        """
        if given is NoCredentials.ABSENT:
            return Credentials.NONE, None
        if not isinstance(given, BasicCredentials) or station is None:
            return Credentials.WRONG, None
        is_user = given.user.decode("utf-8", "replace").casefold() == identity.casefold()
        right = self._services.stations.right_password(station, given.password)
        return (Credentials.RIGHT, right) if is_user and right is not None else (Credentials.WRONG, None)

    def _identity(self, request: UpgradeRequest) -> str | None:
        """Return the last segment of the path if the ones before it are the base path."""
        base = self._rules.base_path
        if len(request.segments) != len(base) + 1 or request.segments[: len(base)] != base:
            return None
        return request.segments[-1]

    def _base(self) -> str:
        return "/" + "/".join(self._rules.base_path)

    def _attempt(self, request: UpgradeRequest) -> Attempt:
        now: datetime = self._services.clock.now()
        certificate = None if request.tls is None else request.tls.certificate
        agent = request.header("User-Agent")
        return Attempt(
            id=self._services.ids.new(),
            at=now,
            last_at=now,
            listener=request.listener,
            address=request.remote[0],
            path=request.raw_path[:TEXT_LIMIT],
            offered=tuple(name[:IDENTITY_MAX_LENGTH] for name in request.subprotocols[:10]),
            tls_version=None if request.tls is None else request.tls.version,
            certificate_name=None if certificate is None else certificate.common_name,
            user_agent=None if agent is None else agent.decode("utf-8", "replace")[:TEXT_LIMIT],
            outcome=AttemptOutcome.CONNECTED,
            http_status=101,
            detail="; ".join(request.tolerated)[:TEXT_LIMIT],
        )

    def _refuse(self, attempt: Attempt, outcome: AttemptOutcome, detail: str) -> Refuse:
        status = _STATUS.get(outcome, 403)
        self._keep_refusal(attempt, outcome, status, detail)
        return Refuse(status=status, reason=detail if status == 400 else _SAID.get(status, "Not allowed."))

    def _keep_refusal(self, attempt: Attempt, outcome: AttemptOutcome, status: int, detail: str) -> None:
        self._services.stations.record_attempt(
            msgspec.structs.replace(attempt, outcome=outcome, http_status=status, detail=detail)
        )
        log.info("gateway.refused", outcome=outcome.value, address=attempt.address, identity=attempt.identity)


class _ClosingHandler:
    """Closes at once: the way of part 4 to say that there is no common version."""

    def opened(self, socket: Connection) -> None:
        socket.close(CloseCode.PROTOCOL_ERROR, "no common subprotocol")

    def received(self, text: bytes) -> None:
        del text

    def write_paused(self) -> None: ...

    def write_resumed(self) -> None: ...

    def closed(self, closure: Closure) -> None:
        del closure


def _detail(
    outcome: AttemptOutcome, station: Station | None, given: BasicCredentials | NoCredentials, presented: Presented
) -> str:
    """Return what the operator is told of a refusal, beside its cause."""
    if outcome is AttemptOutcome.WRONG_CREDENTIALS:
        if given is NoCredentials.MALFORMED:
            return "The Authorization header is not HTTP Basic."
        if isinstance(given, BasicCredentials):
            user = given.user.decode("utf-8", "replace")
            if user.casefold() != presented.identity.casefold():
                return f"The user name {user[:60]!r} is not the identity of the address."
        if station is not None and station.password_hash is None:
            return "No password is set for this station."
        return "The password is not the station's."
    if outcome is AttemptOutcome.PROFILE_TOO_LOW and station is not None:
        return f"The station must use security profile {station.security_profile}."
    if outcome is AttemptOutcome.WRONG_CERTIFICATE:
        return f"The certificate's common name is {(presented.certificate_name or '')[:60]!r}."
    return ""
