"""What a service says of a prompt it refuses is as secret as the prompt."""

import json

import anthropic
import openai
import pytest
from support.anthropic_wire import REQUEST
from support.anthropic_wire import httpx2 as anthropic_http
from support.openai_wire import httpx2

from agentops.testing import recording

SECRET = "canary-7f3a my secret prompt"
BODIES = {
    "openai": {"error": {"message": f"I will not say {SECRET}", "type": "t", "code": SECRET}},
    "anthropic": {"type": "error", "error": {"type": "refused_error", "message": SECRET}},
}


def refused(vendor, status):
    """Call a service that refuses, or fails in the middle of its stream where ``status`` is 200."""
    body = json.dumps(BODIES[vendor])
    headers = {"content-type": "application/json" if status > 200 else "text/event-stream"}
    content = body if status > 200 else f"event: error\ndata: {body}\n\n"
    http = httpx2 if vendor == "openai" else anthropic_http
    transport = http.MockTransport(
        lambda _: http.Response(status, headers=headers, content=content)
    )
    options = {"api_key": "x", "max_retries": 0, "http_client": http.Client(transport=transport)}
    if vendor == "openai":
        client = openai.OpenAI(**options)
        messages = [{"role": "user", "content": SECRET}]
        list(client.chat.completions.create(model="gpt-5", messages=messages, stream=True))
    else:
        asked = {**REQUEST, "messages": [{"role": "user", "content": SECRET}]}
        list(anthropic.Anthropic(**options).messages.create(**asked, stream=True))


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("mode", ["none", "metadata"])
def test_no_text_of_an_error_leaves_without_full_content(mode, vendor, status):
    with recording(instrument=[vendor], telemetry={"content": mode}) as recorded:
        with pytest.raises((openai.APIError, anthropic.APIError)):
            refused(vendor, status)
        [span] = recorded.spans
        told = repr(vars(span) if hasattr(span, "__dict__") else span) + repr(recorded.events)

    assert "canary" not in told
    assert span.attributes["error.type"]
    assert span.status_code == 2
