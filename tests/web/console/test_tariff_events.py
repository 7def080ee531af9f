"""What happens to tariffs stands on timelines in plain words, with what others named escaped."""

from datetime import UTC, datetime

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.tariffs import events
from ingufu.web.assets import load_assets
from ingufu.web.console.rendering import make_environment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = '{% from "parts/event.html" import event_entry with context %}{{ event_entry(event) }}'
HOSTILE = "<script>alert(1)</script>"


class Shown:
    """An event as pages have it."""

    def __init__(self, event):
        self.kind, self.details = event.kind, dict(event.details())
        self.occurred_at, self.station_id, self.transaction_id = event.occurred_at, None, event.transaction_id
        self.station_identity = None


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (events.TariffCreated(occurred_at=NOW, tariff_id="t", name="Day", by="Keza"), ("New tariff: Day", "Keza")),
        (
            events.TariffChanged(occurred_at=NOW, tariff_id="t", name="Day", version=2, by="Keza"),
            ("Tariff changed", "Keza"),
        ),
        (events.TariffRetired(occurred_at=NOW, tariff_id="t", name="Day", by="Keza"), ("Tariff retired: Day", "Keza")),
        (
            events.TariffAssigned(
                occurred_at=NOW, tariff_id="t", name="Day", assignment_id="a", target="site", by="Keza"
            ),
            ("Where a tariff applies was changed: Day", "Keza"),
        ),
        (
            events.TariffSwitched(
                occurred_at=NOW, transaction_id="x", tariff_id="t", name="Night", version=1, from_at=NOW, by="Keza"
            ),
            ("Priced by another tariff from now on: Night", "/sessions/x"),
        ),
        (
            events.FeedPricesLoaded(occurred_at=NOW, feed_id="f", name="Spot", count=2, until=NOW),
            ("New prices", "2 prices"),
        ),
        (
            events.FeedFailed(occurred_at=NOW, feed_id="f", name="Spot", error="no answer"),
            ("could not be", "no answer"),
        ),
        (events.FeedFailed(occurred_at=NOW, feed_id="f", name=HOSTILE, error=HOSTILE), ("&lt;script&gt;",)),
    ],
)
def test_each_event_has_its_words(event, said):
    environment = make_environment(assets=load_assets(), clock=FrozenClock(NOW))
    page = environment.from_string(ENTRY).render(event=Shown(event), console_path="/console")
    for words in said:
        assert words in page
    assert event.kind not in page
    assert HOSTILE not in page
