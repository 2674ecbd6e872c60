from threading import Event

from opentelemetry.sdk.trace.export import SpanExporter
from support.promises import assert_within, seconds

from agentops.telemetry.exporters.stock import StockExporter


class Held(SpanExporter):
    """Flushes no sooner than it is let."""

    def __init__(self):
        self.goes_on = Event()

    def force_flush(self, timeout_millis=30_000):
        return self.goes_on.wait(60)


def test_a_flush_waits_no_longer_than_it_is_told_and_tells_so():
    stock = Held()

    assert_within(lambda: {"took_s": seconds(StockExporter(stock).flush, 200)}, took_s=0.2 + 0.2)
    exporter = StockExporter(stock)
    assert not exporter.flush(10)
    assert not exporter.flush(10)
    stock.goes_on.set()
    assert exporter.flush(30_000)
