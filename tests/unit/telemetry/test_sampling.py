"""Sampling: one decision per session, consistent, weighted, by rules, rate, limit and keep-rules."""

import math
from random import Random

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags, TraceState, set_span_in_context

from agentops.events import ActionEvent, ErrorEvent
from agentops.telemetry.ambient import defer_sampling, deny_sampling, set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import SamplingConfig, TelemetryConfig
from agentops.telemetry.manager import TelemetryManager
from agentops.telemetry.sampling import Facts, Fate, HeadSampler, explain, threshold, weight_in

SESSIONS = 4000
IDS = Random(20261122)


def make_manager(**sampling):
    return TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}], sampling=sampling))


def start_session(manager, session_id="s", name="session", **attributes):
    ambient = {"session.id": session_id, **attributes}
    context = set_ambient(Context(), ambient)
    root = manager.create_span(name, parent=context)
    return root, set_span_in_context(root, context)


def delivered(manager):
    assert manager.flush(30_000)
    memory = manager.exporters[0]
    return memory.spans, memory.events


def decide(sampler, number, **facts):
    return sampler.decide(f"key-{number}", IDS.getrandbits(128), Facts("n", **facts), None)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_share_of_kept_sessions_is_the_rate(rate):
    sampler = HeadSampler(SamplingConfig(rate=rate))

    kept = sum(decide(sampler, n).fate is Fate.KEPT for n in range(SESSIONS))

    deviation = 5 * math.sqrt(SESSIONS * rate * (1 - rate))  # five sigma
    assert abs(kept - SESSIONS * rate) <= deviation


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.75])
def test_weights_add_up_to_all_sessions(rate):
    sampler = HeadSampler(SamplingConfig(rate=rate))

    decisions = [decide(sampler, n) for n in range(SESSIONS)]

    total = sum(each.weight for each in decisions if each.fate is Fate.KEPT)
    assert abs(total - SESSIONS) <= 5 * math.sqrt(SESSIONS * (1 - rate) / rate)


def test_services_with_equal_rates_decide_alike_and_lower_rates_choose_a_subset():
    first, second = HeadSampler(SamplingConfig(rate=0.5)), HeadSampler(SamplingConfig(rate=0.5))
    low = HeadSampler(SamplingConfig(rate=0.1))
    for number in range(500):
        trace_id = IDS.getrandbits(128)
        fates = [
            each.decide(str(number), trace_id, Facts("n"), None).fate
            for each in (first, second, low)
        ]

        assert fates[0] is fates[1]
        assert fates[2] is Fate.LEFT_OUT or fates[0] is Fate.KEPT


def test_threshold_travels_in_tracestate():
    manager = make_manager(rate=0.5)
    spans = [manager.create_span("r", parent=Context()) for _ in range(64)]

    states = {
        span.get_span_context().trace_state.get("ot")
        for span in spans
        if span.get_span_context().trace_flags.sampled
    }

    assert states == {"th:8"}


def test_explicit_randomness_goes_before_the_trace_id():
    sampler = HeadSampler(SamplingConfig(rate=0.5))
    high = TraceState([("ot", "rv:ffffffffffffff")])
    low = TraceState([("ot", "rv:00000000000000")])

    assert sampler.decide("a", 0, Facts("n"), high).fate is Fate.KEPT
    assert sampler.decide("b", 2**128 - 1, Facts("n"), low).fate is Fate.LEFT_OUT


@pytest.mark.parametrize(
    ("header", "weight"),
    [
        ("ot=th:8", 2.0),
        ("ot=th:0", 1.0),
        ("vendor=x,ot=rv:00000000000000;th:c", 4.0),
        ("agentops=w:7.5", 7.5),
        ("", None),
        ("ot=th:", None),
        ("ot=th:xyz", None),
        ("ot=th:fffffffffffffffff", None),
        ("agentops=w:much", None),
        ("agentops=w:nan", None),
        ("agentops=w:-1", None),
        ("ot=th:ffffffffffffff", 2.0**56),
    ],
)
def test_weight_is_read_from_tracestate(header, weight):
    assert weight_in(header) == weight


def test_threshold_of_the_ends():
    assert threshold(1.0) == 0
    assert threshold(0.0) == 2**56


def test_first_matching_rule_gives_the_rate():
    sampler = HeadSampler(
        SamplingConfig(
            rate=1.0,
            rules=[
                {"match": {"name": "health*"}, "rate": 0},
                {"match": {"tags": ["prod"], "attributes": {"tenant": "a*"}}, "rate": 0},
                {"match": {"tags": ["prod"]}, "rate": 1},
            ],
        )
    )

    def fate(key, facts):
        return sampler.decide(key, 5, facts, None).fate

    assert fate("1", Facts("healthcheck")) is Fate.LEFT_OUT
    assert fate("2", Facts("x", ("prod",), {"tenant": "acme"})) is Fate.LEFT_OUT
    assert fate("3", Facts("x", ("prod",), {"tenant": "bcme"})) is Fate.KEPT
    assert fate("4", Facts("x", ("dev",), {"tenant": "acme"})) is Fate.KEPT


def test_session_left_out_sends_neither_spans_nor_events():
    manager = make_manager(rate=0)
    root, context = start_session(manager)
    child = manager.create_span("child", parent=context)

    event = manager.record(ActionEvent(action_type="a"), context=context)
    manager.emit("session.start", context=context)
    manager.end_span(child)
    manager.end_span(root)

    assert delivered(manager) == ([], [])
    assert event.session_id == "s"
    assert root.get_span_context().trace_flags.sampled is False


def test_rule_for_a_model_is_answered_at_the_first_call():
    rules = [{"match": {"provider": "openai", "model": "gpt-*"}, "rate": 1}]
    call = {"gen_ai.provider.name": "openai"}
    for model, count in (("gpt-5", 3), ("o9", 0)):
        manager = make_manager(rate=0, rules=rules)
        root, context = start_session(manager)
        manager.record(ActionEvent(action_type="before"), context=context)
        step = manager.create_span("step", parent=context)
        attributes = {**call, "gen_ai.request.model": model}
        chat = manager.create_span("chat", parent=context, attributes=attributes)
        for span in (chat, step, root):
            manager.end_span(span)

        spans, events = delivered(manager)

        assert (len(spans), len(events)) == (count, count // 3)


def test_rule_for_a_model_does_not_match_a_session_without_calls():
    manager = make_manager(rate=1.0, rules=[{"match": {"provider": "openai"}, "rate": 0}])
    root, _ = start_session(manager)
    manager.end_span(root)

    spans, _ = delivered(manager)

    assert [span.name for span in spans] == ["session"]


@pytest.mark.parametrize("is_sampled", [True, False])
def test_remote_parent_is_respected(is_sampled):
    manager = make_manager(rate=0.5)
    flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else 0)
    parent = trace.NonRecordingSpan(SpanContext(1, 2, True, flags, TraceState([("ot", "th:c")])))
    span = manager.create_span("in", parent=set_span_in_context(parent, Context()))
    manager.end_span(span)

    spans, _ = delivered(manager)

    assert [each.attributes.get("agentops.sampling.weight") for each in spans] == (
        [4.0] if is_sampled else []
    )


def test_deferred_decision_is_ours_and_denied_is_final():
    manager = make_manager(rate=1.0)
    remote = trace.NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(0)))
    deferred = defer_sampling(set_span_in_context(remote, Context()))
    ours = manager.create_span("ours", parent=deferred)
    denied = manager.create_span("denied", parent=deny_sampling(Context()))
    manager.end_span(ours)
    manager.end_span(denied)

    spans, _ = delivered(manager)

    assert [(span.name, span.parent_span_id) for span in spans] == [("ours", 2)]


def test_program_spans_on_our_provider_share_the_decision():
    manager = make_manager(rate=0)
    tracer = manager.tracer_provider.get_tracer("program")

    with tracer.start_as_current_span("own", context=Context()) as span:
        assert not span.get_span_context().trace_flags.sampled

    assert delivered(manager) == ([], [])


def test_limit_of_sessions_per_second_counts_those_refused_into_the_weight(monkeypatch):
    now = [0]
    monkeypatch.setattr("agentops.telemetry.sampling.monotonic_ns", lambda: now[0])
    sampler = HeadSampler(SamplingConfig(sessions_per_second_max=2))

    burst = [decide(sampler, n) for n in range(10)]
    now[0] = 1_000_000_000
    late = decide(sampler, 11)

    assert [each.fate is Fate.KEPT for each in burst] == [True] * 2 + [False] * 8
    assert late.weight == 9.0
    assert weight_in(late.trace_state.to_header()) == 9.0


def keep_one(end, **keep):
    manager = make_manager(rate=0, keep=keep)
    root, context = start_session(manager)
    child = manager.create_span("child", parent=context)
    end(manager, child, context)
    manager.end_span(root)
    spans, _ = delivered(manager)
    return spans, manager


def fail(manager, span, context):
    manager.end_span(span, error=ValueError("x"))


def fail_by_event(manager, span, context):
    manager.record(ErrorEvent(exception=ValueError("x")), context=context)
    manager.end_span(span)


def spend(manager, span, context):
    usage = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 200,
        "agentops.cost.usd": 0.6,
    }
    manager.end_span(span, complete=lambda: Completion(attributes=usage))


def last(manager, span, context):
    manager.end_span(span, end_ns=span.start_time + 11_000_000_000)


def pass_by(manager, span, context):
    manager.end_span(span)


@pytest.mark.parametrize(
    ("end", "keep"),
    [
        (fail, {"errors": True}),
        (fail_by_event, {"errors": True}),
        (spend, {"cost_above_usd": 0.5}),
        (spend, {"tokens_above": 1000}),
        (last, {"slower_than_ms": 10_000}),
    ],
)
def test_session_left_out_that_turns_bad_is_kept_whole(end, keep):
    spans, manager = keep_one(end, **keep)

    assert sorted(span.name for span in spans) == ["child", "session"]
    assert all(span.flags & 1 for span in spans)
    assert manager.stats().left_out == 0


@pytest.mark.parametrize(
    ("end", "keep"),
    [
        (pass_by, {"errors": True}),
        (spend, {"cost_above_usd": 0.7}),
        (spend, {"tokens_above": 2000}),
        (fail, {"slower_than_ms": 10_000}),
    ],
)
def test_session_left_out_that_stays_good_is_not_sent(end, keep):
    spans, manager = keep_one(end, **keep)

    assert spans == []
    assert manager.stats().left_out == 2


def test_session_kept_on_top_of_a_sample_weighs_nothing_more():
    manager = make_manager(rate=0.5, keep={"errors": True})
    for number in range(200):
        root, context = start_session(manager, f"s{number}")
        manager.end_span(manager.create_span("child", parent=context), error=ValueError("x"))
        manager.end_span(root)

    spans, _ = delivered(manager)

    weights = [s.attributes["agentops.sampling.weight"] for s in spans if not s.parent_span_id]
    assert len(weights) == 200
    assert set(weights) == {0.0, 2.0}
    assert abs(sum(weights) - 200) <= 5 * math.sqrt(200)


def test_memory_for_open_sessions_is_bounded():
    manager = make_manager(rate=0, keep={"errors": True, "buffer_bytes_max": 100_000})
    context = Context()
    for number in range(300):
        _, context = start_session(manager, f"s{number}")
        manager.end_span(manager.create_span("x", parent=context, attributes={"a": "b" * 1000}))

    delivered(manager)

    assert manager.stats().left_out >= 250


def test_explanation_names_the_rule():
    config = SamplingConfig(
        rate=0.3,
        rules=[{"match": {"name": "health*"}, "rate": 0}, {"match": {"provider": "x"}, "rate": 1}],
        keep={"errors": True, "tokens_above": 10},
    )

    assert explain(config, Facts("health")).reason == "sampling.rules[0] gives rate 0"
    assert explain(config, Facts("other")).rate is None
    assert explain(config, Facts("other", is_call=True)).reason == "sampling.rate is 0.3"
    assert len(explain(config, Facts("other")).keeps) == 2


def test_flush_sends_what_was_decided_without_another_record():
    rules = [{"match": {"model": "gpt-*"}, "rate": 1.0}]
    manager = make_manager(rate=0.0, rules=rules, keep={"errors": True})
    _root, context = start_session(manager)
    manager.end_span(manager.create_span("early", parent=context))
    before, _ = delivered(manager)

    manager.create_span("chat", parent=context, attributes={"gen_ai.request.model": "gpt-4o"})
    after, _ = delivered(manager)

    assert ([], ["early"]) == ([each.name for each in before], [each.name for each in after])


@pytest.mark.parametrize(("rate", "sent"), [(1.0, ["early"]), (0.0, [])])
def test_shutdown_decides_about_sessions_that_never_ended(rate, sent):
    rules = [{"match": {"model": "gpt-*"}, "rate": 0.5}]
    manager = make_manager(rate=rate, rules=rules, keep={"errors": True})
    _root, context = start_session(manager)
    manager.end_span(manager.create_span("early", parent=context))

    report = manager.shutdown()

    assert sent == [each.name for each in manager.exporters[0].spans]
    assert (0, 1 - len(sent)) == (report.lost, manager.stats().left_out)
