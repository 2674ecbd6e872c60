"""A gRPC receiver that fails, seen from outside. Numbers are those of the fault catalogue.

What each status means is in ``tests/unit/telemetry/exporters/test_otlp_grpc.py``.
"""

import grpc
import pytest
from support.otlp_grpc import Receiver

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
