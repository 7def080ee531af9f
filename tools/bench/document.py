"""The page that shows the figures: everything between two marks is the bench's, the rest is written by people."""

from pathlib import Path

BEGIN = "<!-- Written by `make bench WRITE=1`: do not edit. -->"
END = "<!-- End of what `make bench WRITE=1` writes. -->"


def write(page: Path, text: str) -> None:
    """Replace what stands between the marks of the page."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the marks between which the figures stand.")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
