"""The rules of saved views: what is kept of an address, and in which order a person has them. Pure."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from ingufu.core.errors import InvalidInput
from ingufu.desk.model import Arrangement, SavedView

LONGEST_NAME = 60
LONGEST_QUERY = 2000
MOST_FILTERS = 40
_PLACES = frozenset({"cursor", "view"})  # of an address: where one is in the list, not which list it is


def checked_name(name: str) -> str:
    """Return the name without needless spaces. Raises InvalidInput."""
    tidy = " ".join(name.split())
    if not tidy:
        raise InvalidInput("A view has a name.", field="name")
    if len(tidy) > LONGEST_NAME or not tidy.isprintable():
        raise InvalidInput(f"A name has at most {LONGEST_NAME} characters, all of which can be read.", field="name")
    return tidy


def parts_of(address: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the path of a page's address and its filters, without the place in the list.

    Raises InvalidInput for what is no address of our own.
    """
    try:
        parts = urlsplit(address)
        found = parse_qsl(parts.query, keep_blank_values=False, strict_parsing=False, max_num_fields=MOST_FILTERS)
    except ValueError as error:
        raise InvalidInput("This is no address of a list page.", field="address") from error
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/") and "\\" not in address
    if not is_ours or len(parts.query) > LONGEST_QUERY or not address.isprintable():
        raise InvalidInput("This is no address of a list page.", field="address")
    return parts.path.rstrip("/"), [(name, value) for name, value in found if name not in _PLACES]


def query_of(filters: Sequence[tuple[str, str]]) -> str:
    """Return filters as they stand in an address."""
    return urlencode(list(filters))


def arranged(views: Sequence[SavedView], arrangement: Arrangement) -> tuple[SavedView, ...]:
    """Return the views as the person has them; those that they have not arranged follow by name."""
    places = {view_id: place for place, view_id in enumerate(arrangement.order)}
    last = len(places)
    return tuple(sorted(views, key=lambda view: (places.get(view.id, last), view.name.casefold(), view.id)))


def moved(order: Sequence[str], view_id: str, step: int) -> tuple[str, ...]:
    """Return the order with a view moved by so many places, as far as there are places."""
    others = [one for one in order if one != view_id]
    place = min(max(order.index(view_id) + step, 0), len(others))
    return (*others[:place], view_id, *others[place:])
