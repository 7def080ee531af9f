"""Fixtures of the web tests: a browser that opens and watches pages."""

import os

import pytest

from web.browser import browser, open_page, windows

__all__ = ["browser", "open_page", "windows"]
_AGAIN = ("-dark]", "-phone]", "-dark-1440]", "-light-390]")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, where CI is set, the same pages in the dark and on a phone: `make test` by hand looks at all three."""
    if "CI" not in os.environ:
        return
    again = [item for item in items if "is_accessible_and_whole[" in item.name and item.name.endswith(_AGAIN)]
    config.hook.pytest_deselected(items=again)
    left_out = set(again)
    items[:] = [item for item in items if item not in left_out]
