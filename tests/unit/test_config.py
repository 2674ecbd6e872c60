"""Configuration: precedence, origins, expansion, refusal with key paths, and an environment that never raises."""

import dataclasses
import logging

import pytest

from agentops.config import HOSTED, LOCAL, load, settings
from agentops.errors import ConfigurationError
from agentops.telemetry.config import ContextConfig, TelemetryConfig

ORIGINAL_EXAMPLE = """
telemetry:
  sampling:
    rate: 1.0
    rules: []
  exporters:
    - type: agentops
      endpoint: https://api.agentops.ai
    - type: otlp
      endpoint: localhost:4317
  context:
    propagation:
      - b3
      - w3c
"""

WHOLE_VOCABULARY = """
service_name: support-agent
api_key: key-1
instrument: [openai, anthropic]
session: {auto_start: true, tags: []}
telemetry:
  provider: private
  content: full
  sampling:
    rate: 1.0
    rules:
      - {match: {name: "health*"}, rate: 0}
      - {match: {tags: [prod], provider: openai, model: "gpt-*", attributes: {tenant: "a*"}}, rate: 0.1}
    keep: {errors: true, slower_than_ms: 10000, cost_above_usd: 0.5, tokens_above: 50000}
    sessions_per_second_max: 20
  exporters:
    - {type: agentops, endpoint: "http://127.0.0.1:4320", api_key: key-2}
    - {type: otlp, endpoint: "https://collector:4318", protocol: http/protobuf, headers: {}, compression: gzip, timeout_ms: 10000, signals: [traces, logs, metrics]}
    - {type: otlp, endpoint: "localhost:4317"}
    - {type: console}
    - {type: file, path: run.jsonl}
    - {type: memory}
    - {type: "package.module:factory"}
  batch: {items_max: 512, bytes_max: 4194304, delay_ms: 500, queue_bytes_max: 67108864}
  spool: {enabled: true, directory: /tmp/spool, bytes_max: 268435456}
  limits: {attribute_bytes_max: 1048576, attributes_max: 1024}
  mask: ["sk-[A-Za-z0-9]+"]
  context: {propagation: [w3c, b3]}
"""


@pytest.fixture(autouse=True)
def _empty_surroundings(tmp_path, monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith(("OTEL_", "AGENTOPS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_original_example_works_as_written(tmp_path):
    write(tmp_path / "agentops.yaml", ORIGINAL_EXAMPLE)

    telemetry = load().telemetry

    assert [(each.type, each.endpoint) for each in telemetry.exporters] == [
        ("agentops", "https://api.agentops.ai"),
        ("otlp", "localhost:4317"),
    ]
    assert telemetry.context.propagation == ("b3", "w3c")
    assert telemetry.sampling.rate == 1.0


def test_whole_vocabulary_is_read(tmp_path):
    config = load(config=write(tmp_path / "all.yaml", WHOLE_VOCABULARY))

    assert config.instrument == ("openai", "anthropic")
    assert config.telemetry.sampling.rules[1].match.attributes == {"tenant": "a*"}
    assert config.telemetry.sampling.keep.cost_above_usd == 0.5
    assert config.telemetry.exporters[0].api_key == "key-2"
    assert config.telemetry.exporters[1].signals == ("traces", "logs", "metrics")
    assert config.telemetry.exporters[4].path == "run.jsonl"


def test_other_spellings_mean_the_same():
    spelled = TelemetryConfig(
        sampling_rate=0.5,
        exporters=[{"type": "console"}],
        trace_context=ContextConfig(propagation=["b3"]),
    )

    assert spelled.sampling.rate == 0.5
    assert spelled.context.propagation == ("b3",)
    assert load(telemetry={"sampling_rate": 0.5}).telemetry.sampling.rate == 0.5
    assert dataclasses.replace(spelled, content="none").sampling.rate == 0.5


def test_code_goes_before_environment_before_file_before_opentelemetry(tmp_path, monkeypatch):
    write(
        tmp_path / "agentops.yaml",
        "telemetry: {batch: {items_max: 2, bytes_max: 22, delay_ms: 222}}",
    )
    monkeypatch.setenv("AGENTOPS_BATCH_ITEMS_MAX", "3")
    monkeypatch.setenv("AGENTOPS_BATCH_BYTES_MAX", "33")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "444")
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "55")

    config = load(telemetry={"batch": {"items_max": 1}})

    batch = config.telemetry.batch
    assert (batch.items_max, batch.bytes_max, batch.delay_ms) == (1, 33, 222)
    assert config.telemetry.limits.links_max == 55
    origins = {each.path: each.origin for each in settings(config)}
    assert origins["telemetry.batch.items_max"] == "code"
    assert origins["telemetry.batch.bytes_max"] == "AGENTOPS_BATCH_BYTES_MAX"
    assert origins["telemetry.batch.delay_ms"] == str(tmp_path / "agentops.yaml")
    assert origins["telemetry.limits.links_max"] == "OTEL_SPAN_LINK_COUNT_LIMIT"
    assert origins["telemetry.batch.queue_bytes_max"] == "default"


def test_config_object_overrides_only_what_it_sets(monkeypatch):
    monkeypatch.setenv("AGENTOPS_CONTENT", "metadata")

    config = load(telemetry=TelemetryConfig(exporters=[{"type": "memory"}]))

    assert config.telemetry.content == "metadata"
    assert [each.type for each in config.telemetry.exporters] == ["memory"]


@pytest.mark.parametrize(
    ("given", "path", "hint"),
    [
        ({"telemetry": {"batch": {"itemsmax": 1}}}, "telemetry.batch.itemsmax", "items_max"),
        (
            {"telemetry": {"exporters": [{"type": "otlp", "endpont": "x"}]}},
            "telemetry.exporters[0].endpont",
            "endpoint",
        ),
        ({"telemetry": {"exporters": [{}]}}, "telemetry.exporters[0].type", "name of an exporter"),
        (
            {"telemetry": {"exporters": [{"type": "otlp", "timeout_ms": "x"}]}},
            "telemetry.exporters[0].timeout_ms",
            "whole number",
        ),
        ({"telemetry": {"exporters": [{"type": "file"}]}}, "telemetry.exporters[0].path", "file"),
        ({"telemetry": {"sampling": {"rate": 2}}}, "telemetry.sampling.rate", "from 0 to 1"),
        (
            {"telemetry": {"sampling": {"rules": [{"match": {"name": 3}}]}}},
            "telemetry.sampling.rules[0].match.name",
            "text",
        ),
        ({"telemetry": {"content": "most"}}, "telemetry.content", "none, metadata, full"),
        ({"telemetry": {"mask": ["("]}}, "telemetry.mask[0]", "regular expression"),
        (
            {"telemetry": {"context": {"propagation": ["none", "b3"]}}},
            "telemetry.context.propagation",
            "alone",
        ),
        ({"telemetry": {"logging": {"level": "LOUD"}}}, "telemetry.logging.level", "DEBUG"),
        ({"telemetry": {"spool": {"bytes_max": 0}}}, "telemetry.spool.bytes_max", "above 0"),
        ({"session": {"auto": True}}, "session.auto", "auto_start"),
        ({"instrument": "openai"}, "instrument", "a list"),
    ],
)
def test_refusal_names_path_and_what_was_expected(given, path, hint):
    with pytest.raises(ConfigurationError) as caught:
        load(**given)

    assert caught.value.path == path
    assert hint in str(caught.value)


def test_refusal_out_of_a_file_names_the_file(tmp_path):
    file = write(tmp_path / "agentops.yaml", "telemetry: {sampling: {rate: 7}}")

    with pytest.raises(ConfigurationError, match="from 0 to 1") as caught:
        load()

    assert str(file) in str(caught.value)


def test_a_file_that_is_too_long_is_refused_and_not_cut(tmp_path):
    write(tmp_path / "agentops.yaml", "service_name: a\n" + "# " + "x" * (1 << 20))

    with pytest.raises(ConfigurationError, match="at most 1048576 bytes"):
        load()


@pytest.mark.parametrize("text", ["tool = 3", "[other]", ""])
def test_a_toml_file_without_our_table_says_nothing(tmp_path, text):
    assert load(config=write(tmp_path / "settings.toml", text)).service_name is None


def test_a_pyproject_of_others_that_is_no_text_does_not_matter(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b"[project]\nname = '\xff'\n")

    assert load().file is None


def test_broken_yaml_names_file_and_line(tmp_path):
    write(tmp_path / "agentops.yaml", "telemetry:\n  - a: [\n")

    with pytest.raises(ConfigurationError, match=r"agentops\.yaml:\d+: .*valid YAML"):
        load()


def test_file_is_found_above_and_yaml_goes_before_pyproject(tmp_path, monkeypatch):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    write(tmp_path / "pyproject.toml", '[tool.agentops]\nservice_name = "toml"\n')
    assert load().service_name == "toml"

    write(tmp_path / "agentops.yml", "service_name: yaml")

    assert load().service_name == "yaml"


def test_variable_names_the_file_and_argument_goes_before_it(tmp_path, monkeypatch):
    first = write(tmp_path / "1.yaml", "service_name: first")
    second = write(tmp_path / "2.yaml", "service_name: second")
    monkeypatch.setenv("AGENTOPS_CONFIG", str(first))

    assert load().service_name == "first"
    assert load(config=second).service_name == "second"


def test_variables_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("RATE", "0.25")
    monkeypatch.setenv("KEY", "k")
    write(
        tmp_path / "agentops.yaml",
        "api_key: ${KEY}\nservice_name: ${NAME:-fall-back}-$${x}\n"
        "telemetry: {sampling: {rate: '${RATE}'}, batch: {items_max: '${N:-7}'}}\n",
    )

    config = load()

    assert config.api_key == "k"
    assert config.service_name == "fall-back-${x}"
    assert config.telemetry.sampling.rate == 0.25
    assert config.telemetry.batch.items_max == 7


def test_unset_variable_without_default_leaves_the_key_out_and_warns_once(tmp_path, caplog):
    write(tmp_path / "agentops.yaml", "api_key: ${NO_SUCH_KEY}\n")

    with caplog.at_level(logging.WARNING, "agentops"):
        config = load()

    assert config.api_key is None
    assert [record.message.count("NO_SUCH_KEY") for record in caplog.records] == [1]


def test_garbage_in_the_environment_gives_defaults_and_one_warning(monkeypatch, caplog):
    garbage = {
        "AGENTOPS_SAMPLING_RATE": "much",
        "AGENTOPS_BATCH_DELAY_MS": "-5",
        "AGENTOPS_CONTENT": "\udce9\udcff",
        "AGENTOPS_SPOOL_ENABLED": "perhaps",
        "AGENTOPS_CONFIG": "/no/such/file.yaml",
        "AGENTOPS_LIMITS_DEPTH_MAX": "1e9",
        "OTEL_TRACES_SAMPLER": "dice",
        "OTEL_TRACES_SAMPLER_ARG": "NaN",
        "OTEL_PROPAGATORS": "pigeon",
        "OTEL_BSP_SCHEDULE_DELAY": "soon",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9" * 400,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "forever",
        "OTEL_EXPORTER_OTLP_HEADERS": ",,=,;",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke",
        "OTEL_SDK_DISABLED": "sometimes",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
    }
    for name, value in garbage.items():
        monkeypatch.setenv(name, value)

    with caplog.at_level(logging.WARNING, "agentops"):
        telemetry = load().telemetry

    assert len(caplog.records) == 1
    assert telemetry.sampling.rate == 1.0
    assert telemetry.batch == TelemetryConfig().batch or telemetry.batch.items_max > 0
    assert telemetry.content == "full"
    assert telemetry.limits == TelemetryConfig().limits
    assert telemetry.context.propagation == ("w3c",)
    assert telemetry.disabled is False


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("NO_CONTENT", ("none", "spans")),
        ("false", ("none", "spans")),
        ("SPAN_ONLY", ("full", "spans")),
        ("true", ("full", "spans")),
        ("EVENT_ONLY", ("full", "events")),
        ("SPAN_AND_EVENT", ("full", "both")),
        ("unheard-of", ("none", "spans")),
    ],
)
def test_standard_capture_variable_wins_over_code(monkeypatch, text, mode):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", text)

    telemetry = load(telemetry={"content": "metadata"}).telemetry

    assert (telemetry.content, telemetry.content_on) == mode


def test_disabling_variable_wins_over_code(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")

    assert load(telemetry={"disabled": False}).telemetry.disabled is True


def test_without_key_records_go_to_the_local_backend():
    (exporter,) = load().telemetry.exporters

    assert (exporter.type, exporter.endpoint, exporter.api_key) == ("agentops", LOCAL, None)


def test_with_key_records_go_to_the_hosted_backend(monkeypatch):
    monkeypatch.setenv("AGENTOPS_API_KEY", "k")

    (exporter,) = load().telemetry.exporters

    assert (exporter.type, exporter.endpoint, exporter.api_key) == ("agentops", HOSTED, "k")


def test_code_may_ask_for_no_exporter():
    assert load(telemetry={"exporters": []}).telemetry.exporters == ()


def test_opentelemetry_endpoint_makes_an_exporter(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs:4318/v1/logs")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b%20c, d=e")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "99")

    logs, traces = load().telemetry.exporters

    assert (logs.endpoint, logs.signals, logs.timeout_ms) == (
        "https://logs:4318/v1/logs",
        ("logs",),
        99,
    )
    assert (traces.endpoint, traces.signals, traces.timeout_ms) == (
        "https://collector:4318",
        ("traces",),
        2500,
    )
    assert traces.headers == {"a": "b c", "d": "e"}


EXPORTERS_OF_OPENTELEMETRY = {
    "each signal has its own address, used as it is": (
        {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/custom",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4318",
        },
        [("http://c:4318/custom", True, ("traces",)), ("http://m:4318", True, ("metrics",))],
    ),
    "a signal with headers of its own": (
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=b",
        },
        [("http://c:4318", False, ("logs",)), ("http://c:4318", False, ("traces",))],
    ),
    "named exporters go to the standard address": (
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp"},
        [("http://localhost:4318", False, ("traces", "metrics"))],
    ),
    "none leaves a signal out": (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_LOGS_EXPORTER": "none"},
        [("http://c:4318", False, ("traces",))],
    ),
    "gRPC takes an address without a scheme": (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317"},
        [("c:4317", False, ("traces", "logs"))],
    ),
    "gRPC at the standard address": (
        {"OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        [("http://localhost:4317", False, ("traces",)), (None, False, ("traces", "logs"))],
    ),
}


@pytest.mark.parametrize("case", EXPORTERS_OF_OPENTELEMETRY)
def test_opentelemetry_variables_make_exporters(monkeypatch, caplog, case):
    variables, expected = EXPORTERS_OF_OPENTELEMETRY[case]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    exporters = load().telemetry.exporters

    assert expected == [(each.endpoint, each.is_whole_url, each.signals) for each in exporters]
    assert not caplog.text


def test_exporters_of_opentelemetry_end_with_the_smaller_limit(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")
    monkeypatch.setenv("OTEL_BSP_EXPORT_TIMEOUT", "3000")
    limits = [load().telemetry.exporters[0].timeout_ms]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")
    limits.append(load().telemetry.exporters[0].timeout_ms)

    assert [3000, 2000] == limits


def test_certificates_of_opentelemetry_are_read_and_missing_ones_told(
    monkeypatch, caplog, tmp_path
):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(bundle))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/key.pem")

    (exporter,) = load().telemetry.exporters

    assert (str(bundle), None) == (exporter.certificate_file, exporter.client_key_file)
    assert "OTEL_EXPORTER_OTLP_CLIENT_KEY" in caplog.text


def test_limits_of_spans_go_before_general_ones(monkeypatch):
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "50")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "40")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "300")

    limits = load().telemetry.limits

    assert (40, 300) == (limits.attributes_max, limits.attribute_bytes_max)


def test_variables_that_are_not_read_are_named_with_the_reason(monkeypatch, caplog, capsys):
    from agentops.cli import main

    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4096")
    main(["config", "--changed"])

    assert (
        "OTEL_BSP_MAX_QUEUE_SIZE is not read: queues are bounded in bytes"
        in capsys.readouterr().out
    )
    assert not caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_EXPORT_TIMEOUT", "x"),
        ("OTEL_TRACES_EXPORTER", "pigeon"),
        ("OTEL_METRICS_EXPORTER", "="),
        ("OTEL_RESOURCE_ATTRIBUTES", "====,,,"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_PYTHON_CONTEXT", "pigeon"),
        ("OTEL_PYTHON_TRACER_PROVIDER", "pigeon"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "pigeon"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nowhere"),
    ],
)
def test_each_unusable_variable_of_opentelemetry_is_told_once(monkeypatch, caplog, name, value):
    monkeypatch.setenv(name, value)

    load()

    assert 1 == len(caplog.records)
    assert 1 == caplog.text.count(f"{name}=")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("AGENTOPS_SAMPLING_RATIO", "did you mean AGENTOPS_SAMPLING_RATE?"),
        ("AGENTOPS_ENDPOINT", "did you mean AGENTOPS_API_ENDPOINT?"),
        ("AGENTOPS_TELEMETRY_CONTENT", "did you mean AGENTOPS_CONTENT?"),
        ("AGENTOPS_MAX_QUEUE_SIZE", ""),
        ("AGENTOPS_CONFIG", ""),
    ],
)
def test_a_variable_that_is_spelled_nearly_as_one_of_ours_is_told(monkeypatch, caplog, name, told):
    monkeypatch.setenv(name, "" if name == "AGENTOPS_CONFIG" else "0.5")

    load()

    assert told in caplog.text
    assert len(caplog.records) == bool(told)


def test_a_key_that_stands_in_the_wrong_place_is_told_the_right_one(tmp_path):
    file = write(tmp_path / "agentops.yaml", "sampling: {rate: 1}")

    with pytest.raises(ConfigurationError, match=r"did you mean 'telemetry\.sampling'"):
        load(config=file)


def test_the_environment_may_name_http_clients(monkeypatch, caplog):
    monkeypatch.setenv("AGENTOPS_INSTRUMENT", "openai,httpx")

    assert load().instrument == ("openai", "httpx")
    assert caplog.text == ""


def test_secrets_are_not_shown(monkeypatch):
    monkeypatch.setenv("AGENTOPS_API_KEY", "hunter2")
    exporters = [
        {"type": "otlp", "endpoint": "https://c", "headers": {"authorization": "hunter2"}},
        {"type": "package:factory", "options": {"token": "hunter2"}},
    ]

    config = load(telemetry={"exporters": [*exporters, {"type": "agentops"}]})

    assert "hunter2" not in repr(config)
    assert "hunter2" not in repr(settings(config))


@pytest.mark.parametrize("address", ["agents.internal:4320", "https://me:hunter2@agents.internal"])
def test_an_unusable_address_of_one_s_own_sends_nothing_to_the_hosted_service(
    monkeypatch, caplog, address
):
    monkeypatch.setenv("AGENTOPS_API_KEY", "key")
    monkeypatch.setenv("AGENTOPS_API_ENDPOINT", address)

    (exporter,) = load().telemetry.exporters

    assert exporter.endpoint == LOCAL
    assert "AGENTOPS_API_ENDPOINT" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "address",
    ["garbage", "::::", "http://", "ftp://me:hunter2@x", "http://h:99999999", "h:99999", "h:0"],
)
def test_unusable_address_in_the_environment_is_passed_over(monkeypatch, caplog, address):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("AGENTOPS_API_ENDPOINT", address)

    (exporter,) = load().telemetry.exporters

    assert (exporter.type, exporter.endpoint) == ("agentops", LOCAL)
    shown = "***" if "@" in address else address
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={shown!r}" in caplog.text
    assert "AGENTOPS_API_ENDPOINT" in caplog.text
    assert "hunter2" not in caplog.text


def test_program_starts_whatever_the_environment_says():
    import os
    import subprocess
    import sys

    garbage = dict.fromkeys(
        (
            "AGENTOPS_INSTRUMENT",
            "AGENTOPS_MASK",
            "AGENTOPS_PROVIDER",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            "OTEL_SPAN_EVENT_COUNT_LIMIT",
            "OTEL_PROPAGATORS",
            "OTEL_TRACES_SAMPLER",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        ),
        "(",
    )
    code = (
        "import agentops, os\n"
        "agentops.init(telemetry={'exporters': [{'type': 'memory'}]})\n"
        "with agentops.session('s'): pass\n"
        "agentops.flush()\n"
        "print([s.name for s in agentops.get_client().telemetry.exporters[0].spans])\n"
        "assert os.environ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT'] == '('\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **garbage},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.stdout == "['s']\n", done.stderr
    assert done.stderr.count("agentops ignores unusable settings") == 1
