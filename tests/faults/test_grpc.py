"""A gRPC receiver that fails, seen from outside. Numbers are those of the fault catalogue.

What each status means is in ``tests/unit/telemetry/exporters/test_otlp_grpc.py``.
"""

import grpc
import pytest
from support.otlp_grpc import Receiver
from support.raw_grpc import RawGrpc

RETRY_IN_1_MS = b"\x0a\x04\x10\xc0\x84\x3d"
FAULTS = {
    "unavailable": (grpc.StatusCode.UNAVAILABLE, (), "later"),
    "exhausted, to be tried again": (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        (("google.rpc.retryinfo-bin", RETRY_IN_1_MS),),
        "later",
    ),
    "long trailer": (grpc.StatusCode.UNAVAILABLE, (("x", "y" * 1_000_000),), "later"),
    "long message": (grpc.StatusCode.UNAVAILABLE, (), "z" * 1_000_000),
}
BODY = """
import agentops
agentops.init(telemetry={"exporters": [{"type": "otlp", "endpoint": "127.0.0.1:PORT", "protocol": "grpc"}]})
call(0)
for _ in range(20):
    if flush(): break
    time.sleep(0.2)
"""


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


def model_calls(receiver):
    return [name for name in receiver.span_names if name.startswith("chat m-")]


@pytest.mark.parametrize("fault", FAULTS)
def test_s65_what_grpc_asks_to_repeat_is_repeated(host, receiver, fault):
    # Twice for each signal; those requests were not taken.
    receiver.plan += [FAULTS[fault]] * 4
    ended = host(BODY.replace("PORT", str(receiver.port))).end()

    assert 0 == ended.status, ended.err
    assert len(ended.err) < 2_000
    assert not receiver.plan
    assert "chat m-0" == model_calls(receiver)[-1]


@pytest.mark.parametrize("fault", ["goaway", "drop", "trailer"])
def test_s65_connections_that_are_given_up_lose_nothing_and_take_no_memory(host, fault):
    body = """
    import agentops, resource
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    agentops.init(telemetry={"exporters": [{"type": "otlp", "endpoint": "127.0.0.1:PORT", "protocol": "grpc"}]})
    call(0); flush(); before = peak(); say("READY")
    sys.stdin.readline()
    for n in range(1, 4): call(n)
    for _ in range(100):
        if flush(): break
        time.sleep(0.1)
    say((peak() - before) // 1024)
    [told] = agentops.get_client().telemetry.stats().destinations.values()
    say([told.sent - told.accepted, told.retried > 0])
    """
    # Trailers come in until the connection is closed: on a machine that is too busy for that, some of a hundred megabytes.
    growth_mb = 100
    for _ in range(5):
        with RawGrpc() as receiver:
            program = host(body.replace("PORT", str(receiver.port)))
            program.wait_for("READY")
            receiver.plan += [fault] * 2
            program.say("go")
            ended = program.end()

        assert 0 == ended.status, ended.err
        growth, told = ended.out.splitlines()[-2:]
        assert "[0, True]" == told
        growth_mb = min(growth_mb, int(growth))
        if growth_mb <= 8:
            break
    assert growth_mb <= 8


def test_each_side_of_a_fork_has_a_channel_of_its_own(host, receiver):
    body = """
    import agentops
    agentops.init(telemetry={"exporters": [{"type": "otlp", "endpoint": "127.0.0.1:PORT", "protocol": "grpc"}]})
    call(0); flush()
    children = []
    for n in (1, 2):
        child = os.fork()
        if not child:
            mine = openai.OpenAI(api_key="x", base_url=f"{MODEL_URL}/v1", max_retries=0)
            mine.chat.completions.create(**request(n)); sys.exit(0 if flush() else 1)
        children.append(child)
    call(3)
    for _ in range(100):
        if flush(): break
    say([os.waitpid(child, 0)[1] for child in children])
    """
    ended = host(body.replace("PORT", str(receiver.port))).end()

    assert (0, "[0, 0]") == (ended.status, ended.out.strip()), ended.err
    assert [f"chat m-{n}" for n in range(4)] == sorted(model_calls(receiver))
