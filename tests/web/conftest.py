"""Fixtures of the web tests: a browser that opens and watches pages."""

from web.browser import browser, open_page

__all__ = ["browser", "open_page"]
