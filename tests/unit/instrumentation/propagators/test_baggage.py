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


W = " \t "
ODD = "\t \"';=asdf!@#$%^&*()"
ODD_SENT = "%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"


@pytest.mark.parametrize(
    ("header", "values", "sent_on"),
    [
        ("Key=Value", {"Key": "Value"}, "Key=Value"),
        ("Key=Value,Key2=Value2", {"Key": "Value", "Key2": "Value2"}, "Key=Value,Key2=Value2"),
        ("K=V;P,K2=V2;P2=PV", {"K": "V", "K2": "V2"}, "K=V;P,K2=V2;P2=PV"),
        ("K=V;P=PV,K2=V2;P2=PV2", {"K": "V", "K2": "V2"}, "K=V;P=PV,K2=V2;P2=PV2"),
        (f"K{W}={W}V{W},{W}K2{W}={W}V2{W}", {"K": "V", "K2": "V2"}, "K=V,K2=V2"),
        (f"K{W}={W}V{W};{W}P{W},{W}K2=V2;P2", {"K": "V", "K2": "V2"}, "K=V;P,K2=V2;P2"),
        (f"K{W}={W}V{W};{W}P=PV{W},K2=V2", {"K": "V", "K2": "V2"}, "K=V;P=PV,K2=V2"),
        ("K=V=equals", {"K": "V=equals"}, "K=V=equals"),
        (f"K={ODD_SENT}", {"K": ODD}, None),
        (f"K{W}={W}{ODD_SENT}{W}", {"K": ODD}, None),
        ("K=V;P", {"K": "V"}, "K=V;P"),
        ("K=V;P;P2=PV", {"K": "V"}, "K=V;P;P2=PV"),
        ("K=V;P=PV", {"K": "V"}, "K=V;P=PV"),
        (f"K{W}={W}V{W}", {"K": "V"}, "K=V"),
        (f"K{W}={W}V{W};{W}P", {"K": "V"}, "K=V;P"),
        (f"K=V{W};{W}P{W};{W}P2{W}={W}PV", {"K": "V"}, f"K=V;P{W};{W}P2{W}={W}PV"),
        (f"K=V{W};{W}P{W}={W}PV", {"K": "V"}, f"K=V;P{W}={W}PV"),
        ("", {}, None),
    ],
)
def test_the_cases_of_the_w3c_are_read_and_sent_on(header, values, sent_on):
    context = BaggagePropagator().extract({"baggage": header}, Context())

    assert dict(baggage.get_all(context)) == values
    again = written(context)
    assert again == sent_on if sent_on is not None else (read(again) if again else {}) == values


@pytest.mark.parametrize(
    "members",
    [
        {f"key{number}": "value" for number in range(64)},
        {"a": "0123456789" * 819},
        {f"{number:03}": "0123456789a" for number in range(511)} | {"511": "0123456789ab"},
    ],
    ids=["64 members", "one of 8192 bytes", "512 of 8192 bytes"],
)
def test_members_within_the_bounds_of_the_standard_are_all_sent(members):
    context = Context()
    for name, value in members.items():
        context = baggage.set_baggage(name, value, context)

    assert written(context) == ",".join(f"{name}={value}" for name, value in members.items())
    assert len(written(context)) <= BYTES_MAX


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
    began = time.thread_time()
    for carrier in hostile:
        assert not baggage.get_all(BaggagePropagator().extract(carrier, Context()))

    assert time.thread_time() - began < 0.1
