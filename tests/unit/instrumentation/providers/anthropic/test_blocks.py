import pytest
from anthropic.types import TextBlock, ToolUseBlock
from anthropic.types.beta import BetaMCPToolUseBlock

from agentops.instrumentation.providers.anthropic.blocks import (
    plain,
    read_messages,
    read_parts,
    read_tools,
)

PIXEL = "iVBORw0KGgo="


def _part(block):
    (part,) = read_parts([block])
    return part


def test_a_text_is_one_text_part():
    assert [{"type": "text", "content": "hi"}] == read_parts("hi")


def test_no_content_is_no_part():
    assert [] == read_parts(None)


def test_texts_among_blocks_are_text_parts():
    assert [{"type": "text", "content": "hi"}] == read_parts(["hi"])


def test_roles_are_kept_as_anthropic_has_them():
    message = {"role": "system", "content": "be brief"}

    assert [{"role": "system", "parts": [{"type": "text", "content": "be brief"}]}] == (
        read_messages([message])
    )


def test_citations_stay_with_their_text():
    citation = {"type": "char_location", "cited_text": "sky", "document_index": 0}

    assert [citation] == _part({"type": "text", "text": "blue", "citations": [citation]})[
        "citations"
    ]


def test_thinking_is_reasoning_without_its_signature():
    block = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}

    assert {"type": "reasoning", "content": "hm"} == _part(block)


def test_redacted_thinking_is_marked():
    block = {"type": "redacted_thinking", "data": "c2VjcmV0"}

    assert {"type": "reasoning", "content": "", "redacted": True} == _part(block)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
        ToolUseBlock(type="tool_use", id="toolu_1", name="add", input={"a": 1}),
    ],
)
def test_tool_use_is_a_tool_call(block):
    expected = {"type": "tool_call", "id": "toolu_1", "name": "add", "arguments": {"a": 1}}

    assert expected == _part(block)


def test_tool_result_keeps_text_images_and_failure():
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
    block = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "is_error": True,
        "content": [{"type": "text", "text": "no"}, image],
    }
    blob = {"type": "blob", "modality": "image", "content": PIXEL, "mime_type": "image/png"}

    assert {
        "type": "tool_call_response",
        "id": "toolu_1",
        "response": [{"type": "text", "content": "no"}, blob],
        "is_error": True,
    } == _part(block)


def test_tool_result_of_text_is_that_text():
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4"}

    assert "4" == _part(block)["response"]


def test_server_tool_use_and_its_result_carry_the_same_id():
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": 1}}
    hit = {"type": "web_search_result", "url": "https://example.com", "title": "t"}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [hit]}

    call, response = read_parts([use, result])

    assert {"type": "web_search", "arguments": {"q": 1}} == call["server_tool_call"]
    assert call["id"] == response["id"] == "srvtoolu_1"
    assert {"type": "web_search_tool_result", "content": [hit]} == response[
        "server_tool_call_response"
    ]


def test_mcp_tool_use_names_its_server():
    block = BetaMCPToolUseBlock(
        type="mcp_tool_use", id="mcptoolu_1", name="ask", server_name="wiki", input={"q": "x"}
    )

    assert {"type": "ask", "arguments": {"q": "x"}, "server_name": "wiki"} == _part(block)[
        "server_tool_call"
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "url", "url": "https://example.com/a.pdf"},
            {"type": "uri", "modality": "document", "uri": "https://example.com/a.pdf"},
        ),
        (
            {"type": "file", "file_id": "file_1"},
            {"type": "file", "modality": "document", "file_id": "file_1"},
        ),
        (
            {"type": "text", "media_type": "text/plain", "data": "words"},
            {"type": "document", "content": "words", "mime_type": "text/plain"},
        ),
        (
            {"type": "content", "content": "words"},
            {"type": "document", "content": [{"type": "text", "content": "words"}]},
        ),
    ],
)
def test_documents_are_read_by_their_source(source, expected):
    block = {"type": "document", "title": "T", "source": source}

    assert {**expected, "title": "T"} == _part(block)


def test_a_block_of_an_unknown_type_keeps_its_type_and_fields():
    block = {"type": "hologram", "beam": [1, 2]}

    assert block == _part(block)


def test_a_model_of_an_unknown_type_keeps_its_fields():
    block = TextBlock.construct(type="hologram", beam=3)

    assert {"type": "hologram", "beam": 3} == _part(block)


def test_a_block_that_is_no_block_is_kept_as_unknown():
    assert {"type": "unknown", "content": 7} == _part(7)


def test_nested_blocks_end_at_a_bound():
    block = {"type": "text", "text": "core"}
    for _ in range(100):
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}

    assert "tool_call_response" == _part(block)["type"]


def test_plain_ends_at_a_bound():
    loop = {}
    loop["self"] = loop

    assert isinstance(plain(loop), dict)


def test_client_tools_are_functions_and_server_tools_keep_their_type():
    mine = {"name": "add", "description": "adds", "input_schema": {"type": "object"}}
    theirs = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}

    assert [
        {
            "type": "function",
            "name": "add",
            "description": "adds",
            "parameters": {"type": "object"},
        },
        theirs,
    ] == read_tools([mine, theirs])


def test_tools_that_are_no_list_are_no_tools():
    assert [] == read_tools(object())
