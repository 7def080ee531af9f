"""Every table of the product in one place: for migrations, for checks that compare them, and for retention."""

from sqlalchemy import MetaData, select

from ingufu.accounts import tables as accounts
from ingufu.app.settings import RetentionSettings
from ingufu.authorization import tables as authorization
from ingufu.charging import tables as charging
from ingufu.infra.storage import outbox
from ingufu.infra.storage.retention import Rule
from ingufu.sites import tables as sites
from ingufu.stations import tables as stations

METADATA: tuple[MetaData, ...] = (
    accounts.metadata,
    sites.metadata,
    stations.metadata,
    authorization.metadata,
    charging.metadata,
    outbox.metadata,
)

LOGIN_FAILURES_DAYS = 30  # longer than any lock-out looks back
LOGINS_DAYS = 90  # after they ended: who was in when, without keeping it for ever
IDEMPOTENCY_DAYS = 2  # a client that repeats a request later than that means a new one


def retention_rules(settings: RetentionSettings) -> tuple[Rule, ...]:
    """Return what is kept for how long. Transactions and what belongs to them stay, unless their readings are set."""
    attempts, readings = stations.attempts, charging.readings
    connected = select(stations.stations.c.connection_id).where(stations.stations.c.connection_id.is_not(None))
    return (
        Rule(name="frames", table=stations.frames, days=settings.frames_days),
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
        Rule(name="audit", table=accounts.audit, days=settings.audit_days),
        Rule(name="login_failures", table=accounts.login_failures, days=LOGIN_FAILURES_DAYS),
        Rule(name="logins", table=accounts.logins, days=LOGINS_DAYS, at="expires_at"),
        Rule(name="idempotency", table=accounts.idempotency, days=IDEMPOTENCY_DAYS, at="created_at"),
    )
