"""The page that shows the figures: everything between two marks is the bench's, the rest is written by people."""

from pathlib import Path

BEGIN = "<!-- Written by `make bench WRITE=1`: do not edit. -->"
END = "<!-- End of what `make bench WRITE=1` writes. -->"
PAGE_TIMES_BEGIN = "<!-- Written by `tools/bench --part page-times --write`: do not edit. -->"
PAGE_TIMES_END = "<!-- End of the times of pages. -->"


def write(page: Path, text: str) -> None:
    """Replace what stands between the marks of the page."""
    _replace(page, text, BEGIN, END)


def write_page_times(page: Path, text: str) -> None:
    """Replace the times of pages, which stand for themselves."""
    _replace(page, text, PAGE_TIMES_BEGIN, PAGE_TIMES_END)


def _replace(page: Path, text: str, begin_mark: str, end_mark: str) -> None:
    before, begin, rest = page.read_text().partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the marks between which the figures stand.")
    page.write_text(f"{before}{begin_mark}\n\n{text}\n{end_mark}{after}")
