"""W3C Baggage: values as octets, properties kept, bounds held."""

import time

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context

from agentops.instrumentation.propagators import BaggagePropagator
from agentops.instrumentation.propagators.baggage import BYTES_MAX


def read(*values):
    return dict(
        baggage.get_all(
            BaggagePropagator().extract([("baggage", value) for value in values], Context())
        )
    )


def written(context):
    carrier = {}
    BaggagePropagator().inject(carrier, context)
    return carrier.get("baggage")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["a=1,b=2"], {"a": "1", "b": "2"}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        ([" a = 1 \t,\tb=2 ;p=q "], {"a": "1", "b": "2"}),
        (["a=1+2"], {"a": "1+2"}),
        (["a=DF%20%2B%2028"], {"a": "DF + 28"}),
        (["a=%C3%A9%E2%82%AC"], {"a": "é€"}),
        (["a=%ff"], {"a": "\ufffd"}),
        (["a=b=c=="], {"a": "b=c=="}),
        (["a="], {"a": ""}),
        (["a=%ZZ"], {"a": "%ZZ"}),
        (["a b=1,c=2"], {"c": "2"}),
        (["a,=1,c=2"], {"c": "2"}),
        (['a="quoted",c=2'], {"c": "2"}),
    ],
)
def test_members_are_read(headers, expected):
    assert expected == read(*headers)


def test_everything_that_is_read_is_written_back():
    header = "a=1;secret;ttl=5,b=1+2,c=%C3%A9%20%22%2C%3B%5C"
    context = BaggagePropagator().extract({"baggage": header}, Context())

    assert header == written(context)


def test_64_members_of_8192_bytes_pass():
    header = ",".join(f"k{n:02}={'v' * 123}" for n in range(64))
    assert len(header) <= BYTES_MAX

    assert header == written(BaggagePropagator().extract({"baggage": header}, Context()))


def test_a_member_that_does_not_fit_is_left_out_whole():
    context = baggage.set_baggage("big", "x" * BYTES_MAX, Context())
    context = baggage.set_baggage("small", "1", context)

    assert "small=1" == written(context)


def test_hostile_headers_cost_little():
    hostile = [
        {"baggage": "a=1," * 300_000},
        {"baggage": "," * 10_000},
        [("baggage", "a=1")] * 1_000,
        {"baggage": "\0" * 100_000},
    ]
    began = time.process_time()
    for carrier in hostile:
        assert not baggage.get_all(BaggagePropagator().extract(carrier, Context()))

    assert time.process_time() - began < 0.1
