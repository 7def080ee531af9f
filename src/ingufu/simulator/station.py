"""A simulated station's life with its CSMS: dial, boot until accepted, heartbeats, loss and return, reboot."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from ingufu.simulator import link as links
from ingufu.simulator import wording
from ingufu.simulator.access import LocalAccess
from ingufu.simulator.dialect import Answer, Dialect
from ingufu.simulator.evse import Evse
from ingufu.simulator.limits import ProfileStore
from ingufu.simulator.peer import Failure, Lane, Payload, Peer, Request, Spelling
from ingufu.simulator.spec import StationSpec
from ingufu.simulator.surroundings import Surroundings, Watcher
from ingufu.simulator.timeline import Timer

BOOT_RETRY_S = 30.0  # when the CSMS names no interval, or no answer came
CLOCK_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
Hook = Callable[[Payload], Answer | None]


class Station:
    """One station: its EVSEs, its memory, its line. What drivers do is in `flow`, what is said in its dialect."""

    __slots__ = (
        "_address_tries",
        "_backoff_timer",
        "_boot_reason",
        "_boot_timer",
        "_clock_error",
        "_dialing",
        "_heartbeat_timer",
        "_last_sent_s",
        "_lost_link_s",
        "_ping_timer",
        "_reboot_timer",
        "access",
        "aligned_timer",
        "answer_delay_s",
        "around",
        "boot_status",
        "dialect",
        "evses",
        "firmware",
        "hooks",
        "is_dead",
        "is_offline",
        "is_on",
        "is_operative",
        "last_refusal",
        "link",
        "needs_boot",
        "password",
        "peer",
        "profiles",
        "reset_when_idle",
        "rng",
        "spec",
        "watcher",
    )

    def __init__(
        self,
        spec: StationSpec,
        around: Surroundings,
        spelling: Spelling,
        dialect_of: Callable[["Station"], Dialect],
    ) -> None:
        self.spec = spec
        self.around = around
        self.rng = random.Random(f"{spec.seed}:{spec.identity}")
        at = around.timeline.now()
        self.evses = tuple(Evse(evse, self.rng, at, ambient_c=spec.ambient_c) for evse in spec.evses)
        self.access = LocalAccess()
        self.profiles = ProfileStore()
        self.firmware = spec.manner.firmware
        self.password = spec.basic_password()
        self.peer = Peer(
            around.timeline,
            new_id=wording.message_ids(f"{spec.seed}:{spec.identity}", spec.manner.message_ids),
            answer=self._called,
            spelling=spelling,
        )
        self.peer.retry = lambda: self.dialect.settings().retry
        self.peer.keeps_id_on_retry = spec.manner.keeps_id_on_retry
        self.peer.watch(self._saw_frame)
        self.link: links.Link | None = None
        self.watcher: Watcher | None = None
        self.hooks: dict[str, Hook] = {}
        self.answer_delay_s = spec.manner.answer_delay_s
        self.boot_status: str | None = None
        self.needs_boot = True
        self.is_on = False
        self.is_offline = False  # kept from dialing
        self.is_dead = False  # shut down for good
        self.is_operative = True
        self.reset_when_idle = False
        self.last_refusal: links.LinkRefused | None = None
        self.aligned_timer: Timer | None = None
        self._boot_reason = "PowerUp"
        self._address_tries = 0
        self._dialing: asyncio.Task[None] | None = None
        self._backoff_timer: Timer | None = None
        self._boot_timer: Timer | None = None
        self._heartbeat_timer: Timer | None = None
        self._ping_timer: Timer | None = None
        self._reboot_timer: Timer | None = None
        self._last_sent_s = 0.0
        self._lost_link_s = 0.0
        self._clock_error = CLOCK_EPOCH_AT - at if spec.manner.clock_starts_in_1970 else timedelta(0)
        self.dialect = dialect_of(self)

    @property
    def is_connected(self) -> bool:
        return self.link is not None

    @property
    def is_accepted(self) -> bool:
        return self.peer.is_accepted

    @property
    def is_online(self) -> bool:
        """Connected and accepted: what is said now is heard now."""
        return self.link is not None and self.peer.is_accepted

    @property
    def offline_s(self) -> float:
        """How long ago the last connection was lost."""
        return self.around.timeline.monotonic() - self._lost_link_s

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way that the network decides."""
        return self._dialing is None and self.peer.is_quiet

    def now(self) -> datetime:
        """Return the station's own idea of the time."""
        return self.around.timeline.now() + self._clock_error

    def stamp(self, at: datetime | None = None) -> str:
        return wording.instant(self.now() if at is None else at, self.spec.manner.times)

    def evse(self, number: int) -> Evse | None:
        for evse in self.evses:
            if evse.number == number:
                return evse
        return None

    def later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self.around.timeline.call_later(delay_s, callback)

    def switch_on(self, reason: str = "PowerUp") -> None:
        """Start up: dial, and boot when connected."""
        self.is_on = True
        self.needs_boot = True
        self.peer.is_accepted = False
        self._boot_reason = reason
        self.dial()

    def switch_off(self, *, politely: bool) -> None:
        """Stop everything but the memory; `politely` says goodbye on the WebSocket."""
        self.is_on = False
        self.lose_link(politely=politely)
        for timer in (self._backoff_timer, self._reboot_timer, self.aligned_timer):
            if timer is not None:
                timer.cancel()
        self._backoff_timer = self._reboot_timer = self.aligned_timer = None
        if self._dialing is not None:
            self._dialing.cancel()
            self._dialing = None

    def reboot(self, reason: str, *, after_s: float | None = None) -> None:
        """Go dark for as long as this vendor takes, then boot anew."""
        self.switch_off(politely=True)
        wait_s = self.spec.manner.reboot_s if after_s is None else after_s
        self._reboot_timer = self.later(wait_s, lambda: self.switch_on(reason))

    def go_offline(self) -> None:
        """Lose the network until `come_back`; charging goes on."""
        self.is_offline = True
        self.lose_link(politely=False)
        if self._backoff_timer is not None:
            self._backoff_timer.cancel()
            self._backoff_timer = None

    def come_back(self) -> None:
        self.is_offline = False
        self._address_tries = 0
        self.dial()

    def drop(self) -> None:
        """Lose the connection and dial again after the usual wait."""
        if self.link is not None:
            self.lose_link(politely=False)
            self.around.tally.drops += 1
            self._wait_and_dial()

    def lose_link(self, *, politely: bool) -> None:
        link, self.link = self.link, None
        if link is not None:
            if politely:
                link.close()
            else:
                link.cut()
            self._unlinked()

    def dial(self) -> None:
        """Connect now unless already connected, connecting, or kept from it."""
        if not self.is_on or self.is_offline or self.is_dead or self.link is not None or self._dialing is not None:
            return
        self._dialing = asyncio.get_running_loop().create_task(self._connect())

    def change_password(self, password: str) -> None:
        """Use a new password from the next connection on, which follows at once."""
        self.password = msgspec.structs.replace(self.spec, password=password).basic_password()
        self.later(1.0, self._reconnect)

    def send_boot(self, reason: str | None = None) -> None:
        """Send a BootNotification; the answer decides what follows."""
        action, payload = self.dialect.boot(reason or self._boot_reason)
        self.peer.request(
            Request(action, payload, Lane.URGENT, succeeded=self._boot_answered, failed=self._boot_failed)
        )

    def send_heartbeat(self, *, lane: Lane = Lane.ORDINARY) -> None:
        self.peer.request(Request("Heartbeat", {}, lane))

    def restart_heartbeat(self) -> None:
        """Count the heartbeat interval anew, as after a change of it."""
        if self._heartbeat_timer is not None:
            self._heartbeat_timer.cancel()
        interval_s = self.dialect.settings().heartbeat_s
        self._heartbeat_timer = self.later(interval_s, self._beat) if interval_s > 0 and self.is_online else None

    def heard(self, text: bytes) -> None:
        self.peer.receive(text)
        self._stir()

    def hung_up(self, code: int | None) -> None:  # noqa: ARG002 - whatever the reason, it is over
        if self.link is not None:
            self.link = None
            self._unlinked()
            self._wait_and_dial()

    def _reconnect(self) -> None:
        self.lose_link(politely=True)
        self.dial()

    async def _connect(self) -> None:
        gate = self.around.gate
        try:
            if gate is None:
                link = await links.connect(self._dial_plan(), self)
            else:
                async with gate:
                    link = await links.connect(self._dial_plan(), self)
        except links.LinkRefused as refusal:
            self._dialing = None
            self.last_refusal = refusal
            self.around.tally.refused += 1
            self._wait_and_dial()
            self._stir()
            return
        self._dialing = None
        self._linked(link)

    def _dial_plan(self) -> links.Dial:
        tls = self.around.tls
        return links.Dial(
            url=self.around.url,
            identity=self.spec.identity,
            subprotocols=self.spec.subprotocols(),
            password=self.password,
            tls=None if tls is None else tls(self.spec),
        )

    def _linked(self, link: links.Link) -> None:
        if not self.is_on or self.is_offline:
            link.cut()
            return
        self.link = link
        self.last_refusal = None
        self._address_tries = 0
        self.around.tally.connected += 1
        self.around.tally.connections += 1
        if self.needs_boot or self.spec.manner.boots_on_reconnect:
            self.peer.is_accepted = False
            self.peer.connected(link.send)
            self.send_boot(None if self.needs_boot else "Unknown")
        else:
            self.peer.connected(link.send)
            self.dialect.resumed()
            self.restart_heartbeat()
        self._start_pings()
        self._stir()

    def _unlinked(self) -> None:
        self.around.tally.connected -= 1
        self._lost_link_s = self.around.timeline.monotonic()
        for timer in (self._boot_timer, self._heartbeat_timer, self._ping_timer):
            if timer is not None:
                timer.cancel()
        self._boot_timer = self._heartbeat_timer = self._ping_timer = None
        self.peer.disconnected()
        self._stir()

    def _wait_and_dial(self) -> None:
        if not self.is_on or self.is_offline or self._backoff_timer is not None:
            return
        first_s, range_s, doublings = self.spec.manner.back_off_s
        wait_s = first_s * 2 ** min(self._address_tries, doublings)
        wait_s += self.rng.random() * (range_s + self.around.spread_s)
        self._address_tries += 1
        self._backoff_timer = self.later(wait_s, self._redial)

    def _redial(self) -> None:
        self._backoff_timer = None
        self.dial()

    def _boot_answered(self, payload: Payload) -> None:
        status = str(payload.get("status", "Rejected"))
        interval_s = float(payload.get("interval", 0) or 0)
        self.boot_status = status
        self._clock_error = timedelta(0)
        if status == "Accepted":
            self.needs_boot = False
            self.peer.is_accepted = True
            self.dialect.accepted(interval_s or self.spec.manner.heartbeat_default_s)
            self.restart_heartbeat()
            self.peer.pump()
        else:
            self.peer.is_accepted = False
            self._boot_timer = self.later(interval_s or BOOT_RETRY_S, self._boot_again)

    def _boot_failed(self, failure: Failure) -> None:
        if failure.code != "Offline" and self.link is not None:
            self._boot_timer = self.later(BOOT_RETRY_S, self._boot_again)

    def _boot_again(self) -> None:
        self._boot_timer = None
        if self.link is not None and not self.peer.is_accepted:
            self.send_boot()

    def _beat(self) -> None:
        idle_s = self.around.timeline.monotonic() - self._last_sent_s
        if self.spec.manner.heartbeat_when_busy or idle_s >= self.dialect.settings().heartbeat_s - 1.0:
            self.send_heartbeat()
        self.restart_heartbeat()

    def _start_pings(self) -> None:
        interval_s = self.dialect.settings().ping_s
        if interval_s > 0:
            self._ping_timer = self.later(interval_s, self._ping)

    def _ping(self) -> None:
        if self.link is not None:
            self.link.ping()
            self._start_pings()

    def _called(self, message_id: str, action: str, payload: Payload) -> None:
        hook = self.hooks.get(action)
        answer = hook(payload) if hook is not None else None
        if answer is None:
            answer = self.dialect.answer(action, payload)
        delay_s = self.answer_delay_s
        if self.spec.odds.slow_answer and self.rng.random() < self.spec.odds.slow_answer:
            delay_s += 2.0 + 10.0 * self.rng.random()
        if delay_s:
            self.later(delay_s, lambda: self._say(message_id, answer))
        else:
            self._say(message_id, answer)

    def _say(self, message_id: str, answer: Answer) -> None:
        if answer.is_silent:
            return
        if answer.error is not None:
            self.peer.reply_error(message_id, answer.error, answer.description)
        else:
            self.peer.reply(message_id, answer.payload or {})
        if answer.after is not None:
            answer.after()

    def _saw_frame(self, direction: str, frame: bytes) -> None:
        if direction == "sent":
            self.around.tally.sent += 1
            self._last_sent_s = self.around.timeline.monotonic()
        else:
            self.around.tally.received += 1
        if self.watcher is not None:
            self.watcher.frame(direction, frame)

    def _stir(self) -> None:
        if self.watcher is not None:
            self.watcher.stirred()
