"""Samples as nearly all are: a plain number of a kind seen before, read and written without being taken apart. Pure.

What comes out is what `figures` and `intake` make of the same samples; whatever is not plain is left to them.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ingufu.charging import figures
from ingufu.charging.model import OUTLET, PERIODIC, REGISTER, Figures
from ingufu.core.quantities import Unit

# What a sample says of its value: measurand, unit, multiplier, context, location, phase. None: nothing.
Said = tuple[str | None, str | None, int, str | None, str | None, str | None]

REMEMBERED = 4096  # kinds of samples: stations of a network send some dozens
PLACED = frozenset({"Transaction.Begin", "Transaction.End"})  # contexts that say where in a transaction a value belongs

_PLAIN_NUMBER = re.compile(r"(?:0|[1-9]\d{0,11})(?:\.\d{1,5})?", re.ASCII)  # as `str(Decimal(...))` writes it
_STAND_IN = "111111111111"
_PARTS = 3  # of a sample around its number, which is in it twice
_FIGURES: dict[str, tuple[str, str]] = {
    REGISTER: ("energy_wh", Unit.WH),
    "Power.Active.Import": ("power_w", Unit.W),
    "Current.Import": ("current_a", Unit.A),
    "Voltage": ("voltage_v", Unit.V),
    "SoC": ("soc_percent", Unit.PERCENT),
    "Temperature": ("temperature_c", Unit.CELSIUS),
}
_SOC_MAX = 100
_encode = msgspec.json.Encoder().encode
_is_plain = _PLAIN_NUMBER.fullmatch


class Kind(NamedTuple):
    """How a sample of a kind is written around its number, and which figure it is."""

    context: str
    figure: str | None
    head: str
    middle: str
    tail: str


class Plain(NamedTuple):
    """The figures of a reading, and its samples as they are kept."""

    figures: Figures
    samples: str


def read(samples: Iterable[tuple[str, Said]]) -> Plain | None:
    """Return what the samples of one instant say, each given as the text of its number and what it says of it.

    None if one of them is not plain.
    """
    drawn: dict[str, Any] = {}  # any: decimal or float
    written: list[str] = []
    common: str | None = None
    for text, said in samples:
        kind = _kind_of(said)
        if kind is None or _is_plain(text) is None:
            return None
        context, figure, head, middle, tail = kind
        written.append(f'{head}"{text}"{middle}"{text}"{tail}')
        if common is None:
            common = context
        elif context != common:
            return None
        if figure is not None:
            if figure in drawn:
                return None
            drawn[figure] = Decimal(text).quantize(figures.ENERGY_QUANTUM) if figure == "energy_wh" else float(text)
    if common is None or ("soc_percent" in drawn and drawn["soc_percent"] > _SOC_MAX):
        return None
    return Plain(Figures(context=common, **drawn), f"[{','.join(written)}]")


@lru_cache(REMEMBERED)
def _kind_of(said: Said) -> Kind | None:
    """Return the kind of a sample; None if its number has to be looked at."""
    measurand, unit, multiplier, context, location, phase = said
    value = Decimal(_STAND_IN)
    sample = figures.sample_from_number(
        value, measurand=measurand, unit=unit, multiplier=multiplier, context=context, location=location, phase=phase
    )
    figure, kept_unit = _FIGURES.get(sample.measurand, (None, sample.unit))
    if figure is None and sample.measurand in figures.DRAWN:
        return None
    if figure is not None and (sample.phase is not None or sample.location != OUTLET or sample.unit != kept_unit):
        return None
    parts = _encode(sample).decode().split(f'"{_STAND_IN}"')
    if sample.value != value or len(parts) != _PARTS or sample.context in PLACED:
        return None
    return Kind(PERIODIC if sample.context == PERIODIC else sample.context, figure, *parts)
