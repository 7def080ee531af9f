"""How long each series is kept, as the settings say."""

from sqlalchemy import select

from ingufu.accounts import tables as accounts
from ingufu.app.settings import RetentionSettings
from ingufu.authorization import tables as authorization
from ingufu.charging import tables as charging
from ingufu.configuration import tables as configuration
from ingufu.infra.storage import outbox
from ingufu.infra.storage.retention import Rule
from ingufu.infra.storage.seeking import Seek
from ingufu.stations import tables as stations
from ingufu.stations.store import frames as frame_store
from ingufu.stations.streams import tables as streams

LOGIN_FAILURES_DAYS = 30  # longer than any lock-out looks back
LOGINS_DAYS = 90  # after they ended: who was in when, without keeping it for ever
IDEMPOTENCY_DAYS = 2  # a client that repeats a request later than that means a new one
_FAILURES_BY_TIME = Seek(accounts.login_failures, accounts.login_failures.c.at)


def retention_rules(settings: RetentionSettings) -> tuple[Rule, ...]:
    """Return what is kept for how long. Transactions and what belongs to them stay, unless their readings are set."""
    attempts, readings, failures = stations.attempts, charging.readings, accounts.login_failures
    connected = select(stations.stations.c.connection_id).where(stations.stations.c.connection_id.is_not(None))
    return (
        Rule(
            name="frames",
            table=stations.frame_chunks,
            days=settings.frames_days,
            at="last_at",
            seek=frame_store.BY_TIME,
            batch_rows=frame_store.PRUNED_AT_ONCE,
        ),
        Rule(name="events", table=outbox.events, days=settings.events_days, at="occurred_at"),
        Rule(
            name="attempts", table=attempts, days=settings.attempts_days, only=attempts.c.id.not_in(connected)
        ),  # the attempt that is a station's connection now stays, however old
        Rule(name="decisions", table=authorization.decisions, days=settings.decisions_days),
        Rule(
            name="idle_readings",
            table=readings,
            days=settings.idle_readings_days,
            only=readings.c.transaction_id.is_(None),
            index=("transaction_id",),
        ),
        Rule(name="readings", table=readings, days=settings.readings_days, only=readings.c.transaction_id.is_not(None)),
        Rule(name="variable_changes", table=configuration.changes, days=settings.events_days),
        Rule(
            name="reports",
            table=configuration.reports,
            days=settings.events_days,
            at="asked_at",
            only=configuration.reports.c.ended_at.is_not(None),
        ),
        Rule(
            name="resets",
            table=configuration.resets,
            days=settings.events_days,
            at="asked_at",
            only=configuration.resets.c.ended_at.is_not(None),
        ),
        Rule(name="stream_values", table=streams.values, days=settings.idle_readings_days),
        Rule(name="login_failures", table=failures, days=LOGIN_FAILURES_DAYS, seek=_FAILURES_BY_TIME),
        Rule(name="logins", table=accounts.logins, days=LOGINS_DAYS, at="expires_at"),
        Rule(name="idempotency", table=accounts.idempotency, days=IDEMPOTENCY_DAYS, at="created_at"),
    )
