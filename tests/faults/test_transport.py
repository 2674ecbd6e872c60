"""Faults between the program and its collector, seen from outside. Numbers are those of the fault catalogue."""

import time

import pytest
from support.collector import Collector, Reply, free_port
from support.promises import EXIT_S, assert_within

A_MINUTE = {"ATTEMPT_MS": "60000"}  # what one attempt may take, were it waited for

FIVE = "start(); [call(n) for n in range(5)]; say('END')"
HANGS = {
    "hanging": Reply(hang=True),
    "asked to wait an hour": Reply(status=503, headers={"Retry-After": "3600"}),
    "a byte a second": Reply(bytes_per_s=1, body=b"x" * 1_000),
}


def once(count):
    return dict.fromkeys(range(count), 1)


def test_s01_every_call_is_one_span(host, calls):
    ended = host(FIVE.replace("say(", "settle(); say(")).end()

    assert (0, "") == (ended.status, ended.err)
    assert once(5) == calls(5)


def test_s02_s12_refused_connection_costs_nothing_and_the_next_program_delivers(
    host, calls, collector
):
    url = f"http://127.0.0.1:{free_port()}"
    ended = host(FIVE.replace("say(", "settle('spooled'); say("), url=url).end()
    assert (0, "END") == (ended.status, ended.out.strip())

    with Collector(port=int(url.rsplit(":", 1)[1])) as late:
        host("start(); call(5); flush(); say('END')", url=url).end()
        late.wait(lambda told: {f"chat m-{n}" for n in range(6)} <= set(told.span_names))
        assert 6 == len([name for name in late.span_names if name.startswith("chat m-")])


@pytest.mark.parametrize("state", ["healthy", "refused", *HANGS])
def test_s01_s02_s03_s06_s17_exit_takes_what_is_promised(host, collector, state):
    collector.answer_always(HANGS.get(state))
    if state == "refused":
        collector.stop()

    def end():
        ended = host(FIVE, **A_MINUTE).end()
        assert 0 == ended.status
        return {"exit_s": ended.exit_s}

    assert_within(end, exit_s=EXIT_S)


@pytest.mark.parametrize("state", HANGS)
def test_a_flush_that_is_in_vain_gives_up_when_the_disk_has_everything(host, collector, state):
    collector.answer_always(HANGS[state])
    body = """
    import agentops
    start(); call(0); settle('handled'); began = time.monotonic(); assert not agentops.flush(60_000)
    say(time.monotonic() - began); agentops.shutdown(); say('END')
    """

    def flush():
        ended = host(body, **A_MINUTE).end()
        assert 0 == ended.status, ended.err
        return {"flush_s": float(ended.out.split()[0])}

    assert_within(flush, flush_s=2.0 + 0.5)  # for so long an answer is waited for


def test_s07_a_receiver_that_refuses_everything_is_asked_few_times(host, collector):
    collector.answer_always(Reply(status=400))
    # One batch of each kind, however long the calls take.
    start = "start(batch={'delay_ms': 60_000})"
    ended = host(f"{start}; [call(n) for n in range(5)]; flush(); say('END')").end()

    assert 0 == ended.status
    assert len(collector.requests) <= 4  # traces and events, before the end and at the end
    assert ended.err.count("\n") <= 2


def test_a_store_of_traces_alone_gives_no_reason_for_a_line(host, calls, collector):
    collector.route(lambda request: Reply(status=404) if "logs" in request.path else Reply())
    ended = host("start(); [call(n) for n in range(5)]; flush(); call(5)").end()

    assert (0, "") == (ended.status, ended.err)
    assert once(6) == calls(6)


def test_s08_partial_success_is_not_resent(host, calls, collector):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    told = ExportTraceServiceResponse()
    told.partial_success.rejected_spans = 1
    told.partial_success.error_message = "one was bad"
    collector.answer_always(
        Reply(body=told.SerializeToString(), headers={"content-type": "application/x-protobuf"})
    )
    ended = host("start(); [call(n) for n in range(5)]; flush(); time.sleep(1); say('END')").end()

    assert once(5) == calls(5)
    assert ended.err.count("\n") <= 3


@pytest.mark.parametrize("body", [b"<html>ok</html>", b"\xff\xff\xff", b""])
def test_s09_garbage_after_200_is_sent(host, calls, collector, body):
    collector.answer_always(Reply(body=body, headers={"content-type": "text/html"}))
    host("start(); call(0); flush(); call(1); flush(); say('END')").end()

    assert once(2) == calls(2)


def test_s10_resets_are_retried(host, calls, collector):
    collector.answer(Reply(reset="body"), times=3)
    host("start(); call(0); settle(); say('END')").end()

    assert once(1) == calls(1)


@pytest.mark.parametrize("when", ["healthy", "down"])
def test_s13_s14_kill_loses_nothing_older_than_a_second(host, calls, collector, when):
    reached = "sent"
    if when == "down":
        collector.answer_always(Reply(status=503, headers={"Retry-After": "3600"}))
        reached = "spooled"
    first = host(
        f"start(); [call(n) for n in range(20)]; settle('{reached}'); say('READY'); time.sleep(100)"
    )
    first.wait_for("READY")
    first.process.kill()
    first.process.wait()
    collector.answer_always(Reply())
    host("start(); call(20); flush(); say('END')").end()

    assert once(21) == calls(21)


def test_s15_redirects_are_not_followed(host, collector):
    with Collector() as elsewhere:
        collector.answer_always(
            Reply(status=307, headers={"location": elsewhere.url + "/v1/traces"})
        )
        host(FIVE).end()

        assert [] == elsewhere.requests


def test_s16_endless_answer_costs_no_memory(host, collector):
    body = """
    import resource
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start(); call(0); settle(); before = peak(); say('READY'); sys.stdin.readline()
    call(1); flush(); time.sleep(1); say((peak() - before) // 1024); say('END')
    """
    program = host(body)
    program.wait_for("READY")
    collector.answer_always(Reply(body_size=300 << 20))
    program.say("go")
    ended = program.end()

    assert int(ended.out.split()[1]) <= 50


def test_s18_s53_large_bodies_are_split(host, calls, collector):
    def refuse_large(request):
        return Reply(status=413) if len(request.body) > 1_000_000 else Reply()

    collector.route(refuse_large)
    host(
        "start(); [call(n, 'x' * 100_000) for n in range(40)]; flush(); time.sleep(1); say('END')"
    ).end()

    assert once(40) == calls(40)


def test_s19_s20_an_outage_is_met_with_few_requests_and_few_lines(host, calls, collector):
    collector.answer_always(Reply(status=503))
    program = host("start(); say('UP')\nfor n in range(100): call(n); time.sleep(0.1)\nsay('END')")
    program.wait_for("UP")
    ended = program.end()
    seconds = 10 + ended.exit_s

    assert len(collector.requests) <= seconds + 10
    assert ended.err.count("\n") <= 3
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_s04_s05_retry_after_is_waited_for(host, calls, collector, form):
    refused = {}

    def refuse_each_path_once(request):
        if request.path in refused:
            return Reply()
        refused[request.path] = request.at
        in_four = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 4))
        wait = "2" if form == "seconds" else in_four
        return Reply(status=429, headers={"Retry-After": wait})

    collector.route(refuse_each_path_once)
    host("start(); call(0); settle(); say('END')").end()

    assert once(1) == calls(1)
    for request in collector.accepted:
        assert request.at - refused[request.path] >= 1.9
