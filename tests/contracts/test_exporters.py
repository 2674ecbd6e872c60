"""Every exporter of ours keeps the contract that out-of-tree ones are held to as well."""

import io
import json

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from support.collector import Collector
from support.otlp_grpc import Receiver

from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.console import ConsoleExporter
from agentops.testing import ExporterContract, _span


class _OverHttp(ExporterContract):
    @pytest.fixture(autouse=True)
    def _collector(self):
        with Collector() as self.collector:
            yield

    def arrived(self):
        return self.collector.span_names


class TestOtlpProtobuf(_OverHttp):
    def make(self):
        return build(ExporterConfig(type="otlp", endpoint=self.collector.url))


class TestOtlpJson(_OverHttp):
    def make(self):
        config = ExporterConfig(type="otlp", endpoint=self.collector.url, protocol="http/json")
        return build(config)


class TestAgentOps(_OverHttp):
    def make(self):
        return build(ExporterConfig(type="agentops", endpoint=self.collector.url))


class TestOtlpGrpc(ExporterContract):
    @pytest.fixture(autouse=True)
    def _receiver(self):
        self.receiver = Receiver()
        yield
        self.receiver.stop()

    def make(self):
        return build(ExporterConfig(type="otlp", endpoint=f"localhost:{self.receiver.port}"))

    def arrived(self):
        return self.receiver.span_names


class TestFile(ExporterContract):
    @pytest.fixture(autouse=True)
    def _path(self, tmp_path):
        self.path = tmp_path / "below" / "run.jsonl"

    def make(self):
        return build(ExporterConfig(type="file", path=str(self.path)))

    def arrived(self):
        requests = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [
            span["name"]
            for request in requests
            for resource in request.get("resourceSpans", [])
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def test_only_its_owner_can_read_it(self):
        exporter = self.make()
        self.test_every_span_arrives_once()
        exporter.shutdown()

        assert 0o600 == self.path.stat().st_mode & 0o777


class TestConsole(ExporterContract):
    @pytest.fixture(autouse=True)
    def _stream(self):
        self.stream = io.StringIO()

    def make(self):
        return ConsoleExporter(self.stream)

    def arrived(self):
        lines = self.stream.getvalue().splitlines()
        return [line.split()[1] for line in lines if " ms " in line]

    def test_names_cannot_control_the_terminal(self):
        self.test_odd_values_do_no_harm()

        assert "\x1b" not in self.stream.getvalue()
        assert len(self.stream.getvalue().splitlines()) == 3

    def test_lines_go_to_standard_error(self, capsys):
        self.stream = None
        self._send(self.make(), _span("to be seen"))

        assert "to be seen 1 ms" in capsys.readouterr().err


class TestMemory(ExporterContract):
    def make(self):
        self.exporter = build(ExporterConfig(type="memory"))
        return self.exporter

    def arrived(self):
        return [span.name for span in self.exporter.spans]


class TestStock(ExporterContract):
    class Stock(SpanExporter):
        def __init__(self):
            self.spans = []

        def export(self, spans):
            self.spans.extend(spans)
            return SpanExportResult.SUCCESS

        def shutdown(self):
            return None

    @pytest.fixture(autouse=True)
    def _stock(self):
        self.stock = self.Stock()

    def make(self):
        return build(ExporterConfig(type="instance", instance=self.stock))

    def arrived(self):
        return [span.name for span in self.stock.spans]

    def test_spans_are_the_sdks_own(self):
        self.test_every_span_arrives_once()
        span = self.stock.spans[0]

        assert "contract" == span.resource.attributes["service.name"]
        assert (0xC0DE, 0xC0) == (span.context.trace_id, span.context.span_id)
        assert json.loads(span.to_json())["name"] == "c0"
