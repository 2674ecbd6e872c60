import time

import pytest

from agentops import semconv
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.anthropic.messages import (
    MessageStream,
    read_answer,
    read_request_body,
)


def _call():
    return LLMCall(operation="chat", provider="anthropic", model="claude-x")


def _answer(**changes):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x-1",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 5},
        **changes,
    }


def _start(**usage):
    return {"type": "message_start", "message": _answer(content=[], stop_reason=None, usage=usage)}


def _block(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index, **delta):
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _end(stop_reason="end_turn", **usage):
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage}


def _read_stream(*events):
    call, stream = _call(), MessageStream()
    stream.add(events)
    read_answer(call, stream.message())
    return call


def test_request_settings_become_attributes():
    call = _call()
    read_request_body(
        call,
        {
            "model": "claude-x",
            "max_tokens": 9,
            "temperature": 0.5,
            "top_k": 4,
            "top_p": 0.9,
            "stop_sequences": ["END"],
            "stream": True,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "output_config": {"effort": "low"},
            "messages": [],
        },
    )

    assert {
        semconv.GEN_AI_REQUEST_MAX_TOKENS: 9,
        semconv.GEN_AI_REQUEST_TEMPERATURE: 0.5,
        semconv.GEN_AI_REQUEST_TOP_K: 4,
        semconv.GEN_AI_REQUEST_TOP_P: 0.9,
        semconv.GEN_AI_REQUEST_STOP_SEQUENCES: ["END"],
        semconv.GEN_AI_REQUEST_STREAM: True,
        semconv.GEN_AI_REQUEST_REASONING_LEVEL: "low",
        semconv.ANTHROPIC_THINKING_TYPE: "enabled",
        semconv.ANTHROPIC_THINKING_BUDGET_TOKENS: 1024,
    } == call.attributes


def test_arguments_that_were_left_out_set_nothing():
    from anthropic import omit

    call = _call()
    read_request_body(
        call, {"temperature": omit, "tools": omit, "system": None, "stop_sequences": omit}
    )

    assert {} == call.attributes
    assert [] == call.tool_definitions


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_the_schema_of_a_structured_output_is_content(place):
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    body = {place: {"format": wanted} if place == "output_config" else wanted}
    call = _call()
    read_request_body(call, body)

    assert {"type": "object"} == call.content[semconv.AGENTOPS_REQUEST_OUTPUT_SCHEMA]
    assert "json" == call.attributes[semconv.GEN_AI_OUTPUT_TYPE]


def test_system_text_and_blocks_are_instructions():
    call = _call()
    read_request_body(call, {"system": [{"type": "text", "text": "be brief"}]})

    assert [{"type": "text", "content": "be brief"}] == call.system_instructions


def test_input_tokens_include_what_the_cache_held():
    call = _call()
    usage = {
        "input_tokens": 11,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 2,
        "output_tokens": 7,
    }
    read_answer(call, _answer(usage=usage))

    assert 16 == call.usage.input_tokens
    assert 3 == call.usage.cache_read_input_tokens
    assert 2 == call.usage.cache_write_input_tokens
    assert 7 == call.usage.output_tokens


def test_thinking_tokens_are_a_part_of_output_tokens():
    call = _call()
    usage = {
        "input_tokens": 1,
        "output_tokens": 70,
        "output_tokens_details": {"thinking_tokens": 60},
    }
    read_answer(call, _answer(usage=usage))

    assert (70, 60) == (call.usage.output_tokens, call.usage.reasoning_output_tokens)


def test_a_truth_is_no_count():
    call = _call()
    read_answer(call, _answer(usage={"input_tokens": True, "output_tokens": 5}))

    assert call.usage.to_attributes() == {"gen_ai.usage.output_tokens": 5}


def test_no_usage_is_no_count():
    call = _call()
    read_answer(call, _answer(usage=None))

    assert {} == call.usage.to_attributes()


@pytest.mark.parametrize(
    ("stop_reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_stop_reasons_are_told_as_given_and_mapped_in_the_message(stop_reason, finish):
    call = _call()
    read_answer(call, _answer(stop_reason=stop_reason))

    assert [stop_reason] == call.finish_reasons
    assert finish == call.output_messages[0]["finish_reason"]


def test_cumulative_counts_of_the_end_replace_those_of_the_start():
    call = _read_stream(_start(input_tokens=11, output_tokens=1), _end(output_tokens=7))

    assert (11, 7) == (call.usage.input_tokens, call.usage.output_tokens)


def test_counts_the_end_leaves_out_survive_from_the_start():
    call = _read_stream(
        _start(input_tokens=11, cache_read_input_tokens=3, output_tokens=1),
        _end(input_tokens=None, cache_read_input_tokens=None, output_tokens=7),
    )

    assert (14, 3) == (call.usage.input_tokens, call.usage.cache_read_input_tokens)


def test_zeros_at_the_end_do_not_replace_the_counts_of_the_start():
    call = _read_stream(
        _start(input_tokens=11, cache_read_input_tokens=3, output_tokens=1),
        _end(input_tokens=0, cache_read_input_tokens=0, output_tokens=7),
    )

    assert (14, 3) == (call.usage.input_tokens, call.usage.cache_read_input_tokens)
    assert 7 == call.usage.output_tokens


def test_counts_at_the_end_may_be_less_than_those_of_the_start():
    compaction = {"type": "compaction", "input_tokens": 55_000, "output_tokens": 900}
    call = _read_stream(
        _start(input_tokens=11, cache_read_input_tokens=55_000, output_tokens=1),
        _end(input_tokens=0, cache_read_input_tokens=0, output_tokens=0, iterations=[compaction]),
    )

    assert (0, 0) == (call.usage.input_tokens, call.usage.cache_read_input_tokens)


def test_a_stream_cut_before_its_end_tells_no_output_tokens():
    call = _read_stream(
        _start(input_tokens=11, output_tokens=1),
        _block(0, type="text", text=""),
        _delta(0, type="text_delta", text="par"),
    )

    assert call.usage.output_tokens is None
    assert 11 == call.usage.input_tokens
    assert "par" == call.output_messages[0]["parts"][0]["content"]


def test_what_the_start_says_of_the_output_is_never_the_count_of_the_end():
    call = _read_stream(
        _start(input_tokens=11, output_tokens=1, output_tokens_details={"thinking_tokens": 0}),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    )

    assert (11, None) == (call.usage.input_tokens, call.usage.output_tokens)
    assert call.usage.reasoning_output_tokens is None
    assert ["end_turn"] == call.finish_reasons


def test_parallel_tool_calls_are_kept_apart_by_their_index():
    call = _read_stream(
        _start(input_tokens=1, output_tokens=1),
        _block(0, type="tool_use", id="a", name="add", input={}),
        _block(1, type="tool_use", id="b", name="mul", input={}),
        _delta(1, type="input_json_delta", partial_json='{"y":'),
        _delta(0, type="input_json_delta", partial_json='{"x": 1'),
        _delta(1, type="input_json_delta", partial_json=" 2}"),
        _delta(0, type="input_json_delta", partial_json="}"),
        _end("tool_use", output_tokens=9),
    )

    assert [
        {"type": "tool_call", "id": "a", "name": "add", "arguments": {"x": 1}},
        {"type": "tool_call", "id": "b", "name": "mul", "arguments": {"y": 2}},
    ] == call.output_messages[0]["parts"]


def test_an_event_without_an_index_is_of_the_first_block():
    # Relays that leave out zeros send none for the first.
    events = (_start(), _block(0, type="text", text=""), _delta(0, type="text_delta", text="Hi"))
    call = _read_stream(*({k: v for k, v in each.items() if k != "index"} for each in events))

    assert call.output_messages[0]["parts"] == [{"type": "text", "content": "Hi"}]


def test_a_tool_without_arguments_keeps_the_empty_input():
    call = _read_stream(
        _start(input_tokens=1),
        _block(0, type="tool_use", id="a", name="now", input={}),
        _delta(0, type="input_json_delta", partial_json=""),
        _end("tool_use", output_tokens=9),
    )

    assert {} == call.output_messages[0]["parts"][0]["arguments"]


def test_arguments_cut_in_the_middle_are_kept_as_text():
    call = _read_stream(
        _start(input_tokens=1),
        _block(0, type="tool_use", id="a", name="add", input={}),
        _delta(0, type="input_json_delta", partial_json='{"x": 1'),
    )

    assert '{"x": 1' == call.output_messages[0]["parts"][0]["arguments"]


def test_arguments_of_a_model_that_never_stops_opening_lists_are_kept_as_text():
    call = _read_stream(
        _start(input_tokens=1),
        _block(0, type="tool_use", id="a", name="add", input={}),
        _delta(0, type="input_json_delta", partial_json='{"x": '),
        _delta(0, type="input_json_delta", partial_json="[" * 50_000),
        _end("max_tokens", output_tokens=9),
    )

    assert '{"x": [[' == str(call.output_messages[0]["parts"][0]["arguments"])[:8]
    assert 9 == call.usage.output_tokens


def test_many_citations_take_no_longer_to_read_for_each():
    citation = {"type": "char_location", "cited_text": "sky"}
    pieces = [_delta(0, type="citations_delta", citation=citation)] * 60_000
    begin_s = time.process_time()
    call = _read_stream(_start(), _block(0, type="text", text="blue", citations=[]), *pieces)

    assert time.process_time() - begin_s < 2
    [part] = call.output_messages[0]["parts"]
    assert len(part["citations"]) == 60_000


def test_streamed_thinking_citations_and_compactions_are_kept():
    citation = {"type": "char_location", "cited_text": "sky"}
    call = _read_stream(
        _start(input_tokens=1),
        _block(0, type="thinking", thinking="", signature=""),
        _delta(0, type="thinking_delta", thinking="h"),
        _delta(0, type="thinking_delta", thinking="m"),
        _delta(0, type="signature_delta", signature="c2ln"),
        _block(1, type="text", text="", citations=None),
        _delta(1, type="citations_delta", citation=citation),
        _delta(1, type="text_delta", text="blue"),
        _block(2, type="compaction", content=None),
        _delta(2, type="compaction_delta", content="summary"),
        _end(output_tokens=9),
    )

    assert [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "blue", "citations": [citation]},
        {"type": "compaction", "content": "summary"},
    ] == call.output_messages[0]["parts"]


def test_events_of_unknown_types_are_passed_over():
    call = _read_stream({"type": "ping"}, {"type": "news"}, 7, _start(input_tokens=1))

    assert "msg_1" == call.response_id


def test_a_fallback_names_the_model_that_answered():
    call = _read_stream(
        _start(input_tokens=1), _block(0, type="fallback", to={"model": "claude-y"})
    )

    assert "claude-y" == call.response_model


def test_compactions_are_told_beside_the_counts_of_the_message():
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "iterations": [
            {"type": "compaction", "input_tokens": 100, "output_tokens": 20},
            {"type": "message", "input_tokens": 10, "output_tokens": 5},
        ],
    }
    call = _call()
    read_answer(call, _answer(usage=usage))

    assert (10, 5) == (call.usage.input_tokens, call.usage.output_tokens)
    assert 100 == call.attributes[semconv.ANTHROPIC_COMPACTION_INPUT_TOKENS]
    assert 20 == call.attributes[semconv.ANTHROPIC_COMPACTION_OUTPUT_TOKENS]


def test_runs_of_server_tools_are_counted():
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }
    call = _call()
    read_answer(call, _answer(usage=usage))

    assert 2 == call.attributes["anthropic.usage.server_tool_use.web_search_requests"]
    assert "anthropic.usage.server_tool_use.web_fetch_requests" not in call.attributes
