"""What becomes of something that is done to many, as its page tells it."""

from ingufu.core.clock import FrozenClock
from ingufu.web.assets import load_assets
from ingufu.web.console.bulk import Shown
from ingufu.web.console.rendering import make_environment
from ingufu.web.runs import Result, Run, State, Subject
from web.sample import NOW


def page_of(run: Run, shown: Shown) -> str:
    environment = make_environment(assets=load_assets(), clock=FrozenClock(NOW))
    template = environment.get_template("pages/runs/results_fragment.html")
    return template.render(run=run, shown=shown, csrf_token="token")


def test_run_that_ends_while_its_page_is_made_is_asked_for_again() -> None:
    run = Run("run", "person", Subject.IMPORT, "trial-drivers", 1, NOW)
    shown = Shown(is_over=False, results=[])
    run.add(Result("2", "Eric", State.NEW))
    run.ended_at = NOW
    early = page_of(run, shown)
    assert 'hx-get="/console/runs/run/results"' in early
    assert "There was nothing to do" not in early
    late = page_of(run, Shown(is_over=True, results=list(run.results)))
    assert "hx-get" not in late
    assert "Eric" in late
    assert "Import 1 row" in late


def test_run_without_anything_to_do_says_so() -> None:
    run = Run("run", "person", Subject.IMPORT, "trial-drivers", 0, NOW)
    run.ended_at = NOW
    assert "There was nothing to do" in page_of(run, Shown(is_over=True, results=[]))
