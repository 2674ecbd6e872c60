"""What a program adds to us, or had before us, seen from outside. Numbers are those of the fault catalogue."""

import textwrap

import pytest
from support.promises import EXIT_S, assert_within

pytestmark = pytest.mark.timeout(150)  # several programs each; a busy machine takes its time

BROKEN = {
    "mask raises": "def broken(text): raise RuntimeError('no')",
    "mask wants the end": "def broken(text): sys.exit(9)",
    "mask returns garbage": "def broken(text): return 5",
    "mask blocks": "def broken(text): time.sleep(60); return text",
    "processor raises": """
        from opentelemetry.sdk.trace import SpanProcessor
        class broken(SpanProcessor):
            def on_start(self, span, parent_context=None): raise RuntimeError("no")
            def on_end(self, span): raise RuntimeError("no")
            def shutdown(self): raise RuntimeError("no")
            def force_flush(self, timeout_millis=0): raise RuntimeError("no")
    """,
    "exporter raises": """
        class broken:
            def export(self, spans): raise RuntimeError("no")
            def shutdown(self): raise RuntimeError("no")
            def force_flush(self, timeout_millis=0): raise RuntimeError("no")
    """,
    "exporter blocks": """
        class broken:
            def export(self, spans): time.sleep(60)
            def shutdown(self): time.sleep(60)
            def force_flush(self, timeout_millis=0): time.sleep(60)
    """,
}


@pytest.mark.parametrize("what", BROKEN)
def test_s49_what_the_program_adds_may_fail_or_block(host, calls, collector, what):
    own = {"type": "otlp", "protocol": "http/protobuf"}
    settings = {
        "mask": "mask=[broken]",
        "processor": "processors=[broken()]",
        "exporter": f"exporters=[{{**{own}, 'endpoint': COLLECTOR_URL}}, broken()]",
    }[what.partition(" ")[0]]
    source = textwrap.dedent(BROKEN[what]) + textwrap.dedent(f"""
        call(0)  # the vendor's own first-call work
        start({settings}); call(0)
        began = time.monotonic(); answer = call(1); took_s = time.monotonic() - began
        say([answer.model, answer.choices[0].message.content]); say(took_s); say("END")
    """)
    bare = host(source, url="").end()

    def end():
        ours = host(source).end()
        assert (bare.status, bare.out.splitlines()[0]) == (ours.status, ours.out.splitlines()[0])
        assert "Traceback" not in ours.err
        return {"call_s": float(ours.out.splitlines()[1]), "exit_s": ours.exit_s}

    assert_within(end, call_s=0.5, exit_s=EXIT_S)
    if what == "mask blocks":
        return
    if not collector.span_names:  # a busy machine: what the end left on disk is the next program's
        host("start(); flush()").end()
    if not what.startswith("mask"):  # a mask that fails withholds the model's name too
        assert {0, 1} == set(calls(2))
    assert collector.span_names


ORDERS = {
    "before": "theirs(); start()",
    "after": "start(); theirs()",
    "both": "theirs(); start(); theirs()",
}


@pytest.mark.parametrize("order", ORDERS)
def test_s75_another_instrumentation_sees_its_calls_and_we_see_ours(host, calls, order):
    body = f"""
    import wrapt
    from openai.resources.chat.completions import Completions
    seen = []
    def theirs():
        def wrapper(wrapped, instance, args, kwargs):
            seen.append(kwargs["model"]); return wrapped(*args, **kwargs)
        wrapt.wrap_function_wrapper("openai.resources.chat.completions", "Completions.create", wrapper)
    {ORDERS[order]}
    for n in range(2): call(n)
    say(seen); flush()
    if COLLECTOR_URL:
        import agentops
        agentops.shutdown(); call(2); say(seen)
    """
    ended = host(body).end()
    times = 2 if order == "both" else 1

    assert (0, "") == (ended.status, ended.err)
    first, second = ended.out.splitlines()
    assert ["m-0"] * times + ["m-1"] * times == eval(first)
    assert "m-2" in second  # theirs stays when ours goes
    assert {0: 1, 1: 1} == calls(2)


@pytest.mark.parametrize("order", ["before", "within"])
def test_a_cassette_holds_the_calls_of_the_program_and_nothing_of_ours(
    host, calls, order, tmp_path
):
    pytest.importorskip("vcr", reason="vcrpy is not installed")
    before, within = ("start()", "") if order == "before" else ("", "start()")
    path = str(tmp_path / "cassette.yaml")
    body = f"""
    import vcr
    {before}
    with vcr.use_cassette({path!r}) as cassette:
        {within}
        call(0); flush(); call(0); flush()
    say([request.path for request in cassette.requests])
    with vcr.use_cassette({path!r}, record_mode="none") as cassette:
        say(call(1).model); flush(); say(cassette.play_count)
    call(2); flush()
    """
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    paths, *played = ended.out.splitlines()
    assert {"/v1/chat/completions"} == set(eval(paths))
    assert ["m-0", "1"] == played
    assert {0: 2, 1: 1, 2: 1} == calls(3)


def test_a_program_that_gives_itself_to_gevent_after_the_start_goes_on(host, calls):
    pytest.importorskip("gevent", reason="gevent is not installed")
    body = """
    import warnings; warnings.simplefilter("ignore")  # gevent's own, of what was imported before
    start(); import gevent.monkey; gevent.monkey.patch_all()
    [each.join() for each in [gevent.spawn(call, n) for n in range(3)]]
    """
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    # On a busy machine, what the end left on disk is sent by the next program.
    host("start(); flush()").end()
    assert {0: 1, 1: 1, 2: 1} == calls(3)


def test_a_program_that_gives_gevent_all_but_its_threads_starts_at_once(host, calls):
    pytest.importorskip("gevent", reason="gevent is not installed")
    body = """
    import warnings; warnings.simplefilter("ignore")  # as above
    import gevent.monkey; gevent.monkey.patch_all(thread=False)
    began_s = time.monotonic(); start(); took_s = time.monotonic() - began_s
    call(0); assert took_s < 5, took_s
    """
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    assert {0: 1} == calls(1)
