"""What happens at an EVSE: plug, card, remote start, energy, stop, fault. The dialect turns it into messages."""

from collections.abc import Callable
from datetime import timedelta

from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.evse import Change, ChargingState, Context, Evse, Part, Reason, Trigger
from ingufu.simulator.limits import Charging
from ingufu.simulator.meter import Reading
from ingufu.simulator.station import Station
from ingufu.simulator.vehicle import Vehicle

TICK_S = 10.0  # while energy flows
SLOW_TICK_S = 60.0  # while it does not


def plug_in(station: Station, evse: Evse, vehicle: Vehicle) -> None:
    """Connect a vehicle; if somebody is authorized already, charging begins."""
    settle_meter(station, evse)
    evse.vehicle = vehicle
    evse.is_plugged = True
    evse.cancel("plug_timer")
    refresh(station, evse, Change(trigger=Trigger.PLUGGED))


def unplug(station: Station, evse: Evse) -> None:
    """Disconnect the vehicle; what runs ends, unless the station is set to let it wait."""
    settle_meter(station, evse)
    evse.vehicle = None
    evse.is_plugged = False
    if station.dialect.settings().stops_on_unplug or evse.transaction is None:
        evse.token = None
    refresh(station, evse, Change(trigger=Trigger.DEPARTED, reason=Reason.UNPLUGGED))


def present(station: Station, token: Token, evse: Evse) -> None:
    """Hold a card before the reader: stops what the same card or its group started, else asks to start."""
    if evse.fault is not None or not station.is_on:
        return
    if evse.token is not None and evse.token.key == token.key:
        stop(station, evse, Reason.LOCAL, Trigger.STOP_AUTHORIZED, token)
    elif evse.is_operative and station.is_operative:
        decide(station, token, lambda verdict: _presented(station, evse, token, verdict))


def decide(station: Station, token: Token, then: Callable[[Verdict], None]) -> None:
    """Find out about a token: ask the CSMS, or without it look into list and cache."""
    if station.is_online:
        station.dialect.authorize(token, lambda verdict: then(verdict or offline_verdict(station, token)))
    else:
        then(offline_verdict(station, token))


def offline_verdict(station: Station, token: Token) -> Verdict:
    """Return what the station decides alone (LocalAuthorizeOffline, AllowOfflineTxForUnknownId)."""
    settings = station.dialect.settings()
    known = station.access.known(token, station.now())
    if known is not None and settings.authorizes_offline:
        return known
    if known is None and settings.allows_unknown_offline:
        return Verdict(status="Accepted")
    return Verdict(status="Invalid")


def authorize(station: Station, evse: Evse, token: Token, *, group: str | None, trigger: Trigger) -> None:
    """Let the token charge at the EVSE; without a vehicle it has the connection time-out to come."""
    settle_meter(station, evse)
    evse.token = token
    evse.group = group
    evse.is_held = False
    if evse.reservation is not None:
        evse.pending_reservation = evse.reservation.reservation_id
        evse.reservation = None
        evse.cancel("reservation_timer")
    if not evse.is_plugged:
        wait_s = station.dialect.settings().connection_timeout_s
        evse.cancel("plug_timer")
        evse.plug_timer = station.later(wait_s, lambda: _nobody_came(station, evse))
        if trigger is Trigger.REMOTE_START and evse.on_called_to is not None:
            evse.on_called_to()
    refresh(station, evse, Change(trigger=trigger, token=token))


def remote_start(station: Station, evse: Evse, token: Token, remote_start_id: int | None) -> None:
    """Begin as the CSMS asked; the token is checked first where the configuration says so."""
    evse.pending_remote_start = remote_start_id

    def decided(verdict: Verdict) -> None:
        if verdict.is_accepted and evse.token is None:
            authorize(station, evse, token, group=verdict.group, trigger=Trigger.REMOTE_START)

    if station.dialect.settings().authorizes_remote:
        decide(station, token, decided)
    else:
        decided(Verdict(status="Accepted"))


def stop(
    station: Station,
    evse: Evse,
    reason: Reason,
    trigger: Trigger,
    token: Token | None = None,
    *,
    forces_end: bool = False,
) -> None:
    """Let no more energy flow and withdraw the authorization; the transaction ends by its stop points, or at once."""
    settle_meter(station, evse)
    evse.token = None
    evse.cancel("plug_timer")
    refresh(station, evse, Change(trigger=trigger, reason=reason, token=token, forces_end=forces_end))


def deauthorize(station: Station, evse: Evse) -> None:
    """Follow a CSMS that did not accept the token after all (StopTransactionOnInvalidId)."""
    if evse.token is None:
        return
    if station.dialect.settings().stops_on_invalid:
        stop(station, evse, Reason.DEAUTHORIZED, Trigger.DEAUTHORIZED, forces_end=True)
    else:
        settle_meter(station, evse)
        evse.is_held = True
        refresh(station, evse, Change(trigger=Trigger.DEAUTHORIZED))


def fail(station: Station, evse: Evse, code: str, info: str = "") -> None:
    """Let the connector break, by an error code of 1.6; a running transaction ends."""
    settle_meter(station, evse)
    evse.fault = code
    evse.fault_info = info
    station.around.tally.faults += 1
    reason = Reason.GROUND_FAULT if code == "GroundFailure" else Reason.OTHER
    evse.token = None
    _drop_reservation(station, evse)
    refresh(station, evse, Change(trigger=Trigger.ABNORMAL, reason=reason, forces_end=True))


def recover(station: Station, evse: Evse) -> None:
    """Let the connector work again."""
    evse.fault = None
    evse.fault_info = ""
    refresh(station, evse, Change(trigger=Trigger.STATE))


def emergency_stop(station: Station) -> None:
    """Press the red button: everything that runs ends."""
    for evse in station.evses:
        if evse.token is not None or evse.transaction is not None:
            stop(station, evse, Reason.EMERGENCY, Trigger.ABNORMAL, forces_end=True)
    station.dialect.security_event("TamperDetectionActivated", "emergency stop pressed")


def end_all(station: Station, reason: Reason, trigger: Trigger) -> None:
    """End every transaction, before a reset or with the power."""
    for evse in station.evses:
        if evse.transaction is not None or evse.token is not None:
            stop(station, evse, reason, trigger, forces_end=True)


def lose_power(station: Station, seconds: float) -> None:
    """Take the mains away: the line is dead at once, transactions end when power is back, at the register they had."""
    station.lose_link(politely=False)
    end_all(station, Reason.POWER_LOSS, Trigger.ABNORMAL)
    station.reboot("PowerUp", after_s=seconds)


def reset(station: Station, *, hard: bool, reason: Reason, boot_reason: str = "RemoteReset") -> None:
    """Reboot: end what runs, say goodbye (softly: once the queue is empty), come back with a boot."""
    end_all(station, reason, Trigger.RESET)
    station.later(0.0 if hard else 1.0, lambda: station.reboot(boot_reason))


def set_operative(station: Station, evse: Evse, part: Part, *, is_operative: bool) -> bool:
    """Change availability; False if it waits for the end of the transaction."""
    if not is_operative and evse.transaction is not None:
        evse.out_after |= {part}
        return False
    evse.out_after -= {part}
    evse.out = evse.out - {part} if is_operative else evse.out | {part}
    if not is_operative:
        _drop_reservation(station, evse)
    station.dialect.report_status(evse)
    return True


def set_station_operative(station: Station, *, is_operative: bool) -> None:
    """Change availability of the station as a whole; what its parts were told by themselves stays so (2.x G03, G04)."""
    station.is_operative = is_operative
    for evse in station.evses:
        if not is_operative:
            _drop_reservation(station, evse)
        station.dialect.report_status(evse)


def limits_changed(station: Station) -> None:
    """Follow new charging profiles at once."""
    for evse in station.evses:
        if evse.transaction is not None:
            settle_meter(station, evse)
            refresh(station, evse, Change(trigger=Trigger.STATE))


def charging(station: Station, evse: Evse) -> Charging:
    """Return what limits apply to."""
    tx = evse.transaction
    sharing = sum(_is_closed(other) for other in station.evses)
    return Charging(
        evse=evse.number,
        is_dc=evse.spec.is_dc,
        phases=evse.spec.phases,
        max_power_w=evse.spec.max_power_w,
        transaction=None if tx is None else tx.name,
        started_at=None if tx is None else tx.started_at,
        sharing=max(1, sharing),
    )


def offered_w(station: Station, evse: Evse) -> float:
    """Return the power the EVSE allows now; 0 while the contactor is open."""
    if not _is_closed(evse):
        return 0.0
    if not len(station.profiles):
        return evse.spec.max_power_w
    return station.profiles.limit_w(charging(station, evse), station.now())


def settle_meter(station: Station, evse: Evse) -> None:
    """Let the energy flow that has flowed since the last look."""
    at = station.around.timeline.now()
    seconds = (at - evse.metered_at).total_seconds()
    if seconds <= 0.0:
        return
    limit_w: float | None = None
    if _is_closed(evse):
        limit_w = offered_w(station, evse)
        if len(station.profiles):  # a schedule may have stepped down since: never above either
            began_at = station.now() - timedelta(seconds=seconds)
            limit_w = min(limit_w, station.profiles.limit_w(charging(station, evse), began_at))
    before = evse.meter.register_tenths
    evse.meter.pass_time(seconds, evse.vehicle, limit_w, ambient_c=station.spec.ambient_c)
    evse.metered_at = at
    station.around.tally.energy_tenths += evse.meter.register_tenths - before
    if evse.transaction is not None and evse.state is ChargingState.CHARGING:
        evse.transaction.charging_s += seconds


def read(station: Station, evse: Evse) -> Reading:
    """Return the meter's values now, at the station's own time."""
    settle_meter(station, evse)
    return evse.meter.read(station.now(), evse.vehicle, offered_w(station, evse))


def refresh(station: Station, evse: Evse, change: Change) -> None:
    """Derive the charging state anew and let the dialect tell it, then keep the timers in step."""
    evse.state = _state(station, evse)
    station.dialect.changed(evse, change)
    if evse.transaction is None:
        evse.cancel("tick_timer", "sample_timer")
        _after_transaction(station, evse)
    else:
        if evse.tick_timer is None:
            _start_tick(station, evse)
        if evse.sample_timer is None:
            _start_sampling(station, evse)
    station.dialect.report_status(evse)


def restart_sampling(station: Station) -> None:
    """Sample at the interval that the configuration says now."""
    for evse in station.evses:
        if evse.transaction is not None:
            evse.cancel("sample_timer")
            _start_sampling(station, evse)
    restart_aligned(station)


def restart_aligned(station: Station) -> None:
    """Read all meters at the next multiple of the interval since midnight, and so on."""
    if station.aligned_timer is not None:
        station.aligned_timer.cancel()
        station.aligned_timer = None
    interval_s = station.dialect.settings().aligned_s
    if interval_s <= 0:
        return
    at = station.around.timeline.now()
    since_midnight_s = (at - at.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    wait_s = interval_s - since_midnight_s % interval_s
    station.aligned_timer = station.later(wait_s, lambda: _aligned(station))


def _presented(station: Station, evse: Evse, token: Token, verdict: Verdict) -> None:
    if evse.token is not None:
        if verdict.is_accepted and verdict.group is not None and verdict.group == evse.group:
            stop(station, evse, Reason.LOCAL, Trigger.STOP_AUTHORIZED, token)
        return
    reservation = evse.reservation
    if not verdict.is_accepted:
        station.around.tally.refused_cards += 1
    elif reservation is None or reservation.token.key == token.key or (verdict.group or "") == reservation.group:
        authorize(station, evse, token, group=verdict.group, trigger=Trigger.AUTHORIZED)


def _nobody_came(station: Station, evse: Evse) -> None:
    evse.plug_timer = None
    if evse.token is not None and not evse.is_plugged:
        stop(station, evse, Reason.TIMEOUT, Trigger.TIMEOUT, forces_end=True)


def _is_closed(evse: Evse) -> bool:
    return evse.is_plugged and evse.token is not None and evse.fault is None and not evse.is_held


def _state(station: Station, evse: Evse) -> ChargingState:
    if not evse.is_plugged or evse.vehicle is None:
        return ChargingState.IDLE
    if evse.is_held and evse.token is not None:
        return ChargingState.SUSPENDED_EVSE
    if not _is_closed(evse):
        return ChargingState.EV_CONNECTED
    allowed_w = offered_w(station, evse)
    if allowed_w < evse.meter.minimum_w(evse.vehicle):
        return ChargingState.SUSPENDED_EVSE
    return ChargingState.SUSPENDED_EV if evse.vehicle.is_satisfied else ChargingState.CHARGING


def _start_tick(station: Station, evse: Evse) -> None:
    interval_s = TICK_S if evse.state is ChargingState.CHARGING else SLOW_TICK_S
    evse.tick_timer = station.later(interval_s, lambda: _tick(station, evse))


def _tick(station: Station, evse: Evse) -> None:
    evse.tick_timer = None
    settle_meter(station, evse)
    limit = _limit_reached(evse)
    if limit is not None:
        stop(station, evse, limit[1], limit[0], forces_end=True)
    elif _state(station, evse) is not evse.state:
        refresh(station, evse, Change(trigger=Trigger.STATE))
    if evse.transaction is not None and evse.tick_timer is None:
        _start_tick(station, evse)


def _limit_reached(evse: Evse) -> tuple[Trigger, Reason] | None:
    tx = evse.transaction
    if tx is None:
        return None
    taken_wh = (evse.meter.register_tenths - tx.start.energy_tenths) / 10
    if tx.limit_energy_wh is not None and taken_wh >= tx.limit_energy_wh:
        return Trigger.ENERGY_LIMIT, Reason.ENERGY_LIMIT
    if tx.limit_time_s is not None and tx.charging_s >= tx.limit_time_s:
        return Trigger.TIME_LIMIT, Reason.TIME_LIMIT
    if tx.limit_soc is not None and evse.vehicle is not None and evse.vehicle.soc >= tx.limit_soc:
        return Trigger.SOC_LIMIT, Reason.SOC_LIMIT
    return None


def _start_sampling(station: Station, evse: Evse) -> None:
    interval_s = station.dialect.settings().sample_s
    if interval_s > 0:
        evse.sample_timer = station.later(interval_s, lambda: _sample(station, evse))


def _sample(station: Station, evse: Evse) -> None:
    evse.sample_timer = None
    if evse.transaction is not None:
        station.dialect.sampled(evse, read(station, evse), Context.PERIODIC)
        _start_sampling(station, evse)


def _aligned(station: Station) -> None:
    station.aligned_timer = None
    for evse in station.evses:
        station.dialect.sampled(evse, read(station, evse), Context.CLOCK)
    restart_aligned(station)


def _after_transaction(station: Station, evse: Evse) -> None:
    evse.out |= evse.out_after
    evse.out_after = frozenset()
    if station.reset_when_idle and all(other.transaction is None for other in station.evses):
        station.reset_when_idle = False
        reset(station, hard=False, reason=Reason.REBOOT)


def _drop_reservation(station: Station, evse: Evse) -> None:
    if evse.reservation is not None:
        evse.reservation = None
        evse.cancel("reservation_timer")
        station.dialect.report_status(evse)
