"""What puts the values of one execution into the order and the form in which a statement's driver wants them.

Every row of every station goes through here, so each statement has a function of its own, made once, as `dataclasses`
and `namedtuple` make theirs: it names each value in its place and checks it there. A loop over names and processors
takes half as long again for a meter reading, and twice as long for a frame.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.types import TypeEngine

from ingufu.infra.storage import columns

Bind = Callable[[Mapping[str, Any]], tuple[Any, ...]]

# What a processor does, written out where nearly every value passes it at once. `v` is the value, and not None.
_INLINE: dict[columns.Processor, str] = {
    columns.clean_text: "v if v.isascii() and '\\0' not in v else clean_text(v)",
    columns.integer: "v if -2147483648 <= v < 2147483648 else integer(v)",
    columns.big_integer: "v if -9223372036854775808 <= v < 9223372036854775808 else big_integer(v)",
    columns.instant_to_integer: "(v - EPOCH) // MICROSECOND",
}


def binding(names: Sequence[str], kinds: Mapping[str, TypeEngine[Any]], dialect: Dialect) -> Bind:
    """Return what makes a tuple of values, in the order of `names`, from values by name.

    It raises KeyError for a name that is not given, and InvalidInput for a value that cannot be stored.
    """
    known = dict(vars(columns))
    parts: list[str] = []
    for place, name in enumerate(names):
        processor = columns.binder(kinds[name], dialect)
        if processor is None:
            parts.append(f"given[{name!r}]")
            continue
        known[f"do{place}"] = processor
        parts.append(f"None if (v := given[{name!r}]) is None else {_INLINE.get(processor, f'do{place}(v)')}")
    bind: Bind = eval(f"lambda given: ({''.join(f'{part}, ' for part in parts)})", known)  # noqa: S307 - all of it ours
    return bind
