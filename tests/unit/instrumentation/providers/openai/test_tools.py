"""Functions of the program that the SDK's own runner calls."""

import pytest
from support.openai_wire import RESPONSE, Wire, httpx2

runner = pytest.importorskip("openai.lib.responses_tool_runner")
pytestmark = pytest.mark.usefixtures("provider")

TOOL = {
    "type": "function",
    "name": "add",
    "description": "Adds.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"a":1}',
    "status": "completed",
}


def answer(attempt, _request):
    return httpx2.Response(200, json={**RESPONSE, "output": [CALL]}) if attempt == 1 else None


def test_a_function_that_the_runner_calls_is_a_tool_span_between_two_calls(manager):
    ran = runner.ResponsesToolRunner(
        functions=[runner.RegisteredFunction(tool=TOOL, execute=lambda given: str(given["a"] + 1))]
    )
    wire = Wire(fail=answer)
    final = ran.run(wire.client(), {"model": "gpt-5", "input": "Hi"})

    first, tool, second = manager.ended
    assert final.id == RESPONSE["id"]
    assert (first.name, second.name) == ("chat gpt-5", "chat gpt-5")
    assert tool.name == "execute_tool add"
    assert tool["gen_ai.tool.call.id"] == "call_1"
    assert tool["gen_ai.tool.call.arguments"] == {"a": 1}
    assert tool["gen_ai.tool.call.result"] == "2"
    assert first["gen_ai.response.finish_reasons"] == ["tool_call"]
