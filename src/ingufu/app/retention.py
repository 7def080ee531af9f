"""How long each series is kept, as the settings say."""

from ingufu.accounts.tables import audit
from ingufu.app.settings import RetentionSettings
from ingufu.authorization.tables import decisions
from ingufu.charging.tables import readings
from ingufu.infra.storage.outbox import events
from ingufu.infra.storage.retention import Rule
from ingufu.stations.store import frames as frame_store
from ingufu.stations.streams.tables import values as stream_values
from ingufu.stations.tables import attempts, frame_chunks


def retention_rules(kept: RetentionSettings) -> tuple[Rule, ...]:
    """Return the rules by which rows are deleted; what no rule names is kept for ever."""
    return (
        Rule(
            name="frames",
            table=frame_chunks,
            days=kept.frames_days,
            at="last_at",
            seek=frame_store.BY_TIME,
            batch_rows=frame_store.PRUNED_AT_ONCE,
        ),
        Rule(name="events", table=events, days=kept.events_days, at="occurred_at"),
        Rule(name="attempts", table=attempts, days=kept.attempts_days),
        Rule(name="decisions", table=decisions, days=kept.decisions_days),
        Rule(
            name="idle_readings",
            table=readings,
            days=kept.idle_readings_days,
            only=readings.c.transaction_id.is_(None),
            index=("transaction_id",),
        ),
        Rule(name="readings", table=readings, days=kept.readings_days, only=readings.c.transaction_id.is_not(None)),
        Rule(name="stream_values", table=stream_values, days=kept.idle_readings_days),
        Rule(name="audit", table=audit, days=kept.audit_days),
    )
