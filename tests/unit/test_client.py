"""The composition root: starts once, ends bounded, and says one line at exit."""

import json
import os
import subprocess
import sys
import threading
import time
from itertools import islice

import pytest
from opentelemetry import trace
from support.interleaving import interleavings
from support.promises import EXIT_S, assert_within
from support.terminal import run_at_terminal

import agentops
from agentops import client
from agentops.errors import ConfigurationError
from agentops.testing import recording

MEMORY = {"exporters": [{"type": "memory"}], "spool": {"enabled": False}}
INIT = f"import agentops; agentops.init(telemetry={MEMORY!r}, instrument=[])\n"


def run(code, **environment):
    """Run a program of its own; return the finished process."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def init(**options):
    return agentops.init(telemetry=MEMORY, instrument=[], **options)


def test_init_starts_the_automatic_session_and_is_idempotent():
    first = init(service_name="support-agent")
    again = init(service_name="another")

    assert first is again is agentops.current_session()
    assert first.is_automatic
    assert first.name == "support-agent"
    assert agentops.get_client().config.service_name == "support-agent"


def test_a_second_init_says_once_which_settings_it_does_not_apply(caplog):
    init(service_name="one")

    for name in ("one", "two", "three"):
        init(service_name=name)

    assert [
        "agentops runs already; not applied: service_name (call agentops.shutdown() first)"
    ] == caplog.messages


def test_a_second_init_with_an_unusable_setting_fails():
    first = init()

    with pytest.raises(ConfigurationError, match=r"telemetry\.batch\.items_max"):
        agentops.init(telemetry={"batch": {"items_max": -1}})
    assert first is agentops.current_session()


def test_a_bare_second_init_reads_nothing_and_says_nothing(caplog, monkeypatch):
    first = init(service_name="one")
    monkeypatch.setenv("AGENTOPS_SERVICE_NAME", "two")

    assert first is agentops.init()
    assert [] == caplog.messages


def test_attach_by_the_environment_without_a_provider_is_private_with_one_warning(
    caplog, monkeypatch
):
    monkeypatch.setenv("AGENTOPS_PROVIDER", "attach")
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: trace.ProxyTracerProvider())

    init()

    (message,) = caplog.messages
    assert message.startswith("agentops: AGENTOPS_PROVIDER=attach is not possible, private is used")
    assert agentops.get_client().config.telemetry.provider == "private"


def test_what_the_environment_wants_instrumented_and_cannot_be_is_passed_over_with_one_warning(
    caplog, monkeypatch
):
    monkeypatch.setenv("AGENTOPS_INSTRUMENT", "openai,no_such_package:Vendor")

    agentops.init(telemetry=MEMORY)

    (message,) = caplog.messages
    assert message.startswith("agentops ignores AGENTOPS_INSTRUMENT: ")
    assert "'no_such_package:Vendor'" in message
    names = {each.instrumentation.module for each in agentops.get_client().providers}
    assert names >= {"openai", "anthropic"}


def test_init_from_many_threads_makes_one_client():
    found = []
    threads = [threading.Thread(target=lambda: found.append(init())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(map(id, found))) == 1


def test_the_automatic_session_can_be_switched_off():
    assert init(session={"auto_start": False}) is None
    assert agentops.current_session() is None


def test_disabled_means_nothing_is_instrumented_and_the_program_runs(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    @agentops.agent
    def planner():
        return 1

    assert agentops.init() is None
    assert list(agentops.get_client().providers) == []
    with agentops.session("s") as session:
        assert planner() == 1
        assert session.record(agentops.ActionEvent("note")).trace_id == ""
    assert agentops.flush(30_000)


def test_an_unusable_setting_fails_init_with_its_path_and_nothing_runs():
    with pytest.raises(ConfigurationError, match=r"telemetry\.sampling\.rate"):
        agentops.init(telemetry={"sampling": {"rate": 7}})

    assert agentops.get_client() is None


@pytest.mark.parametrize("exporter", [{"type": "oltp"}, {"type": "otlp", "endpoint": "ftp://c"}])
def test_a_destination_that_cannot_be_made_is_told_with_the_path_of_the_file(exporter):
    with pytest.raises(ConfigurationError, match=r"^telemetry\.exporters\[1\]\."):
        agentops.init(telemetry={"exporters": [{"type": "memory"}, exporter]}, instrument=[])


def test_an_unknown_provider_fails_init_and_nothing_runs():
    with pytest.raises(ConfigurationError, match="instrument"):
        agentops.init(instrument=["no-such-vendor"], telemetry=MEMORY)

    assert agentops.get_client() is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [("telemetr", "did you mean 'telemetry'"), ("colour", "today's are api_key, config, ")],
)
def test_an_unknown_keyword_fails_init(name, hint):
    with pytest.raises(TypeError, match=f"{name!r}; {hint}"):
        agentops.init(**{name: "red"})


def test_shutdown_ends_sessions_and_init_starts_afresh():
    first = init()
    explicit = agentops.start_session("explicit")
    agentops.shutdown()
    agentops.shutdown()

    assert not first.is_running
    assert str(explicit.end_state) == "Indeterminate"
    assert agentops.get_client() is None
    assert init() is not first


def test_after_shutdown_the_program_runs_on():
    init()
    agentops.shutdown()

    with agentops.session("late") as session, agentops.tool("t"):
        session.record(agentops.ActionEvent("note"))

    assert agentops.get_client() is None
    assert agentops.flush(30_000)


def test_a_session_without_init_starts_agentops_by_configuration(monkeypatch, tmp_path):
    path = tmp_path / "agentops.yaml"
    path.write_text(f"instrument: []\ntelemetry: {json.dumps(MEMORY)}\n")
    monkeypatch.setenv("AGENTOPS_CONFIG", str(path))

    with agentops.session("s"):
        assert agentops.get_client().config.telemetry.exporters[0].type == "memory"
        assert agentops.get_client().sessions.automatic is None


def test_record_outside_of_any_session_is_recorded_without_one(recorded):
    event = agentops.record(agentops.ActionEvent("note"))

    assert event.session_id is None
    assert recorded.event("agentops.custom").event == event


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4320", "http://127.0.0.1:4320/s/{session.id}"),
        ("http://host:1/api", "http://host:1/s/{session.id}"),
        (
            "https://api.agentops.ai",
            "https://app.agentops.ai/sessions?trace_id={session.trace_id}",
        ),
    ],
)
def test_the_address_of_a_session_follows_its_destination(endpoint, url):
    exporter = {"type": "agentops", "endpoint": endpoint}
    session = agentops.init(
        instrument=[], telemetry={"exporters": [exporter], "spool": {"enabled": False}}
    )

    assert session.url == session.session_url == url.format(session=session)


def test_without_an_agentops_destination_there_is_no_address():
    assert init().url is None


def test_at_exit_one_line_tells_what_was_recorded():
    done = run_at_terminal(
        INIT + "with agentops.session('support'), agentops.agent('planner'): pass\n"
        "agentops.get_client().pages_url = 'http://127.0.0.1:4320'\n"
    )

    assert done.stdout == ""
    assert done.stderr.startswith("agentops: support ok, ")
    assert done.stderr.count("\n") == 1
    assert "http://127.0.0.1:4320/s/" in done.stderr


def test_a_pipe_gets_nothing_of_ours():
    done = run(INIT + "with agentops.session('support'), agentops.agent('planner'): pass\n")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_line_comes_also_after_an_explicit_shutdown():
    done = run_at_terminal(INIT + "with agentops.agent('planner'): pass\nagentops.shutdown()")

    assert done.stderr.startswith("agentops: session ended, ")


def test_at_exit_of_a_program_that_recorded_no_work_nothing_is_said():
    done = run_at_terminal(INIT + "with agentops.session('support'): pass")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "option", ["session={'print_summary': False}", "log_session_replay_url=False"]
)
def test_the_line_can_be_switched_off(option):
    done = run_at_terminal(
        "import agentops\n"
        f"agentops.init(telemetry={MEMORY!r}, instrument=[], {option})\n"
        "with agentops.agent('planner'): pass"
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_without_stderr_ends_in_peace():
    done = run_at_terminal(INIT + "import sys\nwith agentops.agent('planner'): sys.stderr = None")

    assert (done.returncode, done.stderr) == (0, "")


def test_an_uncaught_exception_fails_the_session_and_is_printed_as_ever():
    code = "def work():\n    raise ValueError('boom')\nwith block(): work()"
    ours = run_at_terminal(INIT.rstrip() + "; block = lambda: agentops.agent('planner')\n" + code)
    bare = run_at_terminal("import contextlib; block = contextlib.nullcontext\n" + code)

    assert ours.returncode == bare.returncode == 1
    assert ours.stderr.startswith(bare.stderr)
    assert "session failed" in ours.stderr.removeprefix(bare.stderr)


def test_sys_exit_keeps_its_code():
    assert run(INIT + "import sys\nwith agentops.agent('planner'): sys.exit(3)").returncode == 3


def test_a_session_that_runs_at_exit_is_told_also_after_a_second_init(tmp_path):
    exporter = {"type": "file", "path": str(tmp_path / "told.jsonl")}
    settings = {"exporters": [exporter], "spool": {"enabled": False}}
    done = run(
        "import agentops\n"
        "for _ in range(2):\n"
        "    agentops.shutdown()\n"
        f"    agentops.init(telemetry={settings!r}, instrument=[])\n"
        "agentops.start_session('left running')\n"
    )

    assert done.returncode == 0, done.stderr
    assert '"session.end"' in (tmp_path / "told.jsonl").read_text()


def test_an_interrupt_ends_the_program_as_ever_and_fails_the_session():
    # A program started in the background of a shell inherits an ignored SIGINT.
    code = "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nwith block():\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"
    ours = run_at_terminal(INIT.rstrip() + "; block = lambda: agentops.agent('planner')\n" + code)
    bare = run_at_terminal("import contextlib; block = contextlib.nullcontext\n" + code)

    assert ours.returncode == bare.returncode
    assert ours.stderr.startswith(bare.stderr)
    assert "session failed" in ours.stderr.removeprefix(bare.stderr)


def test_what_is_derived_from_an_interrupt_ends_the_program_as_ever():
    code = "class Stopped(KeyboardInterrupt): pass\nraise Stopped"
    ours, bare = run_at_terminal(INIT + code), run_at_terminal(code)

    assert 1 == ours.returncode == bare.returncode


def test_a_forked_child_neither_ends_the_session_nor_tells():
    done = run_at_terminal(
        INIT + "import os\n"
        "with agentops.agent('planner'): pass\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)\n"
    )

    assert done.stderr.count("agentops: ") == 1


def test_init_does_not_touch_the_process():
    done = run_at_terminal(
        "import sys, signal, builtins, threading, opentelemetry.trace as t\n"
        "def state(): return (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM),"
        " sys.excepthook, threading.excepthook, builtins.print, builtins.__import__, sys.stdout,"
        " t._TRACER_PROVIDER)\n"
        "before = state()\n" + INIT + "assert state() == before\nprint('same')"
    )

    assert done.stdout == "same\n", done.stderr


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://10.255.255.1:4320"])
def test_an_unreachable_destination_delays_neither_start_nor_end(endpoint, tmp_path):
    # One attempt to connect may take a minute, if it is waited for.
    exporter = {"type": "agentops", "endpoint": endpoint, "timeout_ms": 60_000}
    code = (
        "import time, agentops.client\n"
        "started = time.monotonic()\n"
        f"agentops.init(instrument=[], telemetry={{'exporters': [{exporter!r}]}})\n"
        "with agentops.agent('planner'): pass\n"
        "print(time.monotonic() - started, time.monotonic())\n"
    )

    def end():
        done = run(code, XDG_STATE_HOME=str(tmp_path))
        ended_s = time.monotonic()  # one clock for all processes of the machine
        assert done.returncode == 0, done.stderr
        start_s, last_seen_s = map(float, done.stdout.split())
        return {"start_s": start_s, "exit_s": ended_s - last_seen_s}

    assert_within(end, start_s=3.0, exit_s=EXIT_S)


def test_recording_refuses_to_replace_a_running_client(recorded):
    with pytest.raises(agentops.AgentOpsError, match="runs already"), recording():
        pass


def test_an_automatic_session_in_which_nothing_happened_leaves_no_trace():
    with recording(auto_start=True) as recorded:
        exporter = recorded._exporter
        with agentops.session("mine"), agentops.tool("t"):
            pass

    assert {record.session_id for record in exporter.records} == {exporter.spans[-1].session_id}
    assert [span.name for span in exporter.spans] == ["execute_tool t", "mine"]


@pytest.mark.parametrize(
    "use",
    [
        lambda session: agentops.tool("t").__enter__().end(),
        lambda session: agentops.record(agentops.ActionEvent("note")),
        lambda session: session.propagate_context(),
        lambda session: agentops.end_session("Success"),
    ],
    ids=["step", "record", "propagate", "end"],
)
def test_an_automatic_session_that_was_used_is_told_from_start_to_end(use):
    with recording(auto_start=True) as recorded:
        exporter = recorded._exporter
        session = agentops.current_session()
        use(session)

    told = [event.name for event in exporter.events if event.name.startswith("session.")]
    assert told == ["session.start", "session.end"]
    assert exporter.spans[-1].session_id == str(session.id)


@pytest.mark.parametrize("function", [client.flush, client.current_session, client.required])
def test_what_is_asked_while_another_thread_shuts_down_raises_nothing(function):
    init()
    for _ in islice(interleavings(function, agentops.shutdown, step="opcode"), 30):
        init()


@pytest.mark.parametrize("is_asked_first", [True, False])
def test_a_client_that_another_thread_shuts_down_is_not_begun_anew(is_asked_first):
    init()
    both = (client.required, agentops.shutdown)
    for _ in interleavings(*(both if is_asked_first else both[::-1])):
        assert client.active() is None
        init()


def test_a_client_that_another_thread_begins_is_taken_as_it_is(caplog):
    for _ in interleavings(client.required, init, step="opcode"):
        agentops.shutdown()

    # Where it is the other way round, that thread hears what of its own is not applied.
    assert "not applied: auto_start" not in caplog.text
