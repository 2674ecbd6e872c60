"""Values on the spans of calls the real SDK makes, with answers made at the wire."""

import anthropic
import pytest
from support.anthropic_wire import MESSAGE, REQUEST, httpx2

pytestmark = pytest.mark.usefixtures("provider")


def test_a_call_is_one_span_with_the_values_of_the_body(manager, wire):
    answer = wire.client().messages.create(**REQUEST)

    [ended] = manager.ended
    assert type(answer) is anthropic.types.Message
    assert ended.name == "chat claude-opus-5"
    assert ended["gen_ai.usage.input_tokens"] == 16
    assert ended["gen_ai.usage.output_tokens"] == 7
    assert ended["gen_ai.response.id"] == "msg_1"
    assert ended["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert ended["agentops.response.request_id"] == "req_1"
    assert ended["agentops.response.rate_limit.remaining_tokens"] == 900
    assert "gen_ai.response.time_to_first_chunk" not in ended.attributes


def test_a_digit_that_is_no_number_does_no_harm(manager, wire):
    odd = "\N{SUPERSCRIPT TWO}".encode("latin-1")
    headers = [(b"anthropic-ratelimit-tokens-remaining", odd)]
    wire.answers["/v1/messages"] = httpx2.Response(200, json=MESSAGE, headers=headers)
    wire.client().messages.create(**REQUEST)

    [ended] = manager.ended
    assert ended["agentops.response.rate_limit.remaining_tokens"] == odd.decode("latin-1")
    assert ended["gen_ai.usage.output_tokens"] == 7


def test_a_stream_is_the_object_of_the_sdk_and_one_span_when_it_was_read(manager, wire):
    stream = wire.client().messages.create(**REQUEST, stream=True)
    before = len(manager.ended)
    count = len(list(stream))

    [ended] = manager.ended
    assert (before, count) == (0, 8)
    assert type(stream) is anthropic.Stream
    assert ended["gen_ai.usage.input_tokens"] == 16
    assert ended["gen_ai.usage.output_tokens"] == 7
    assert ended["gen_ai.response.time_to_first_chunk"] > 0
