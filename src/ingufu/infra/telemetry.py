"""Figures that the program shows of itself, for Prometheus."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

METRICS_SUBJECT = "metrics"  # on the bus: asks the gateway's process for its figures


class Figure:
    """One figure: its name, what it means, and how to read it when asked."""

    def __init__(
        self,
        name: str,
        meaning: str,
        read: Callable[[], float | dict[str, float]],
        *,
        label: str | None = None,
        counts_up: bool = False,
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.read = read
        self.label = label
        self.counts_up = counts_up


class Figures(Collector):
    """Reads figures when Prometheus asks, so that counting costs nothing between."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = tuple(figures)

    def collect(self) -> Iterator[Metric]:
        for figure in self._figures:
            family: type[CounterMetricFamily | GaugeMetricFamily]
            family = CounterMetricFamily if figure.counts_up else GaugeMetricFamily
            value = figure.read()
            if figure.label is None or not isinstance(value, dict):
                yield family(figure.name, figure.meaning, value=value)  # type: ignore[arg-type]  # one value then
                continue
            metric = family(figure.name, figure.meaning, labels=[figure.label])
            for key, number in value.items():
                metric.add_metric([key], number)
            yield metric


def exposition(figures: Iterable[Figure]) -> Callable[[], bytes]:
    """Return what renders the figures, and those of this process, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Figures(figures))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)
