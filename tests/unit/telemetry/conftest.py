import pytest
from support.collector import Collector

from agentops.telemetry.config import BatchConfig, ExporterConfig, SpoolConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.pipeline import Pipeline


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


@pytest.fixture
def pipeline_to(tmp_path):
    """Make pipelines to exporters given as settings; records pass through as they are.

    Nothing leaves before a flush, unless ``batch`` says so: what is recorded together is one batch, however long
    the machine takes over it.
    """
    made = []

    def make(*exporters, steps=(lambda item: [item],), batch=None, spool=None, **options):
        batch = batch or BatchConfig(delay_ms=60_000)
        configs = [ExporterConfig(**exporter) for exporter in exporters]
        disk = None if spool is None else SpoolConfig(directory=str(spool))
        made.append(
            Pipeline(connect(configs, batch=batch, spool=disk), *steps, batch=batch, **options)
        )
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.shutdown(500)


@pytest.fixture
def otlp():
    """Return the settings of an OTLP/HTTP exporter for a collector."""

    def settings(collector, **more):
        return {"type": "otlp", "endpoint": collector.url, **more}

    return settings
