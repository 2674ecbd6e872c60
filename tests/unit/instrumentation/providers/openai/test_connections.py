"""Every kind of WebSocket connection of the SDK, spoken to by a real server on this machine."""

import pytest
from opentelemetry.trace import StatusCode
from support.openai_sockets import Server, spans, talk
from support.openai_wire import RESPONSE, RESPONSE_USAGE
from websockets.exceptions import ConnectionClosed

pytest.importorskip("openai.resources.live")
pytestmark = [
    pytest.mark.usefixtures("provider"),
    # openai 3.54 opens its connections in a way that websockets 17 warns of.
    pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning"),
]
BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
LIVE_SESSION = {"id": "live_1", "model": "gpt-live-1", "status": "active", "expires_at": 9}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"a":1}',
    "status": "completed",
}
CREATE = {"type": "response.create"}


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def answer(number, output=None, *, usage=RESPONSE_USAGE, clear=False, **outer):
    """Return the events of one response; ``clear`` as live connections do: the last one tells no output."""
    item = output or {**RESPONSE["output"][0], "id": f"msg_{number}"}
    started = {**RESPONSE, "id": f"resp_{number}", "status": "in_progress", "output": []}
    ended = {**started, "status": "completed", "output": [] if clear else [item], "usage": usage}
    events = [
        {"type": "response.created", "response": {**started, "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": ended},
    ]
    return [{**event, **outer} for event in events]


def carried(events, delegation):
    return [
        {"type": "response.event", "event": event, "delegation_id": delegation} for event in events
    ]


def mixed(*lists):
    """Return the events in turns."""
    return [event for events in zip(*lists, strict=True) for event in events]


@BOTH
def test_a_live_connection_tells_the_responses_and_decisions_made_for_it(manager, server, is_async):
    decision = {
        "model": "gpt-6-luna",
        "answers": [{"type": "choice", "name": "q", "choice": "yes", "confidence": 1}],
        "usage": {**RESPONSE_USAGE, "input_tokens": 5},
    }
    server.scripts = [
        [
            [{"type": "session.started", "session": LIVE_SESSION}],
            [
                {"type": "session.input_transcript.delta", "delta": "Add ", "start_ms": 0},
                {"type": "session.input_transcript.delta", "delta": "one.", "start_ms": 5},
                {"type": "session.output_audio.delta", "audio": "A" * 5000},
                *mixed(
                    carried(answer(1, CALL, clear=True), "dlg_1"),
                    carried(answer(2, clear=True), "dlg_2"),
                ),
                {
                    "type": "decision.event",
                    "event": {"type": "decision.completed", "decision": decision},
                },
                {"type": "session.output_transcript.delta", "delta": "Two.", "start_ms": 9},
                {"type": "session.usage.updated", "usage": {"seconds": 1.5}},
                {
                    "type": "session.closed",
                    "reason": "expired",
                    "session": LIVE_SESSION,
                    "usage": {"seconds": 2.5},
                },
                1000,
            ],
        ]
    ]
    start = {"type": "session.start", "session": {"model": "gpt-live-1"}}
    talk(
        server,
        is_async,
        lambda client: client.live.connect(),
        [start, "session.started", CREATE, None],
    )

    session, turns = spans(manager)
    assert session.name == "live"
    assert session["gen_ai.conversation.id"] == "live_1"
    assert session["gen_ai.response.model"] == "gpt-live-1"
    assert session["agentops.usage.audio_seconds"] == 2.5
    assert session["gen_ai.input.messages"][0]["parts"][0]["content"] == "Add one."
    assert session["gen_ai.output.messages"][0]["parts"][0]["content"] == "Two."
    assert "agentops.response.stream_end" not in session.attributes
    names = ["chat gpt-5-2026-01-01", "chat gpt-5-2026-01-01", "decision gpt-6-luna"]
    assert [turn.name for turn in turns] == names
    assert [turn.attributes.get("gen_ai.response.id") for turn in turns[:2]] == ["resp_1", "resp_2"]
    assert [turn["gen_ai.usage.input_tokens"] for turn in turns] == [11, 11, 5]
    [call] = turns[0]["gen_ai.output.messages"][0]["parts"]
    assert (call["type"], call["id"], call["arguments"]) == ("tool_call", "call_1", {"a": 1})
    assert turns[1]["gen_ai.output.messages"][0]["parts"][0]["content"] == '{"answer":"Hello."}'


@BOTH
@pytest.mark.parametrize(
    ("connect", "name"),
    [
        (lambda client: client.live.sideband.connect(session_id="live_1"), "live sideband"),
        (lambda client: client.live.forks.connect(session_id="live_1"), "live fork"),
    ],
    ids=["sideband", "fork"],
)
def test_what_joins_a_live_session_tells_it_alike(manager, server, is_async, connect, name):
    server.scripts = [[carried(answer(1, clear=True), "dlg_1")]]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    asked = {"type": "response.item.create", "item": item}
    server.scripts[0].insert(0, [])
    talk(server, is_async, connect, [asked, CREATE, "response.event", *["response.event"] * 3])

    session, [turn] = spans(manager)
    assert session.name == name
    assert turn["gen_ai.usage.output_tokens"] == 7
    assert turn["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"


def test_a_response_that_two_connections_tell_of_counts_once(manager, server):
    server.scripts = [[carried(answer(7, clear=True), "dlg_1")] for _ in range(2)]
    for connect in (
        lambda client: client.live.connect(),
        lambda client: client.live.sideband.connect(session_id="live_1"),
    ):
        talk(server, False, connect, [CREATE, *["response.event"] * 4])

    turns = [ended for ended in manager.ended if ended.name.startswith("chat")]
    assert [turn["gen_ai.response.id"] for turn in turns] == ["resp_7", "resp_7"]
    counts = [turn.attributes.get("gen_ai.usage.input_tokens") for turn in turns]
    assert counts == [11, None]


@BOTH
def test_a_translation_is_told_by_its_connection(manager, server, is_async):
    session = {"id": "sess_1", "type": "translation", "model": "gpt-realtime-translate"}
    server.greeting = [{"type": "session.created", "session": {**session, "audio": {}}}]
    server.scripts = [
        [
            [
                {"type": "session.input_transcript.delta", "delta": "Guten Tag"},
                {"type": "session.output_audio.delta", "delta": "A" * 5000},
                {"type": "session.output_transcript.delta", "delta": "Good "},
                {"type": "session.output_transcript.delta", "delta": "day"},
                {"type": "session.closed"},
                1000,
            ]
        ]
    ]
    append = {"type": "session.input_audio_buffer.append", "audio": "AAAA"}
    talk(
        server,
        is_async,
        lambda client: client.realtime.translations.connect(model="gpt-realtime-translate"),
        ["session.created", append, None],
    )

    connection, turns = spans(manager)
    assert (connection.name, turns) == ("realtime translations gpt-realtime-translate", [])
    assert connection["gen_ai.conversation.id"] == "sess_1"
    assert connection["gen_ai.input.messages"][0]["parts"][0]["content"] == "Guten Tag"
    assert connection["gen_ai.output.messages"][0]["parts"][0]["content"] == "Good day"


CONNECTS = pytest.mark.parametrize(
    "connect",
    [lambda client: client.responses.connect(), lambda client: client.beta.responses.connect()],
    ids=["responses", "beta"],
)


@BOTH
@CONNECTS
def test_responses_in_several_lanes_are_told_apart(manager, server, is_async, connect):
    lanes = [answer(n, CALL if n == 1 else None, stream_id=f"lane_{n}") for n in (1, 2)]
    server.scripts = [[[], mixed(*lanes)]]
    asked = [
        {**CREATE, "stream_id": f"lane_{n}", "model": f"gpt-{n}", "input": f"Hi {n}"}
        for n in (1, 2)
    ]
    talk(server, is_async, connect, [*asked, "response.completed", "response.completed"])

    _, turns = spans(manager)
    assert [turn.name for turn in turns] == ["chat gpt-1", "chat gpt-2"]
    assert [turn["gen_ai.response.id"] for turn in turns] == ["resp_1", "resp_2"]
    inputs = [turn["gen_ai.input.messages"][0]["parts"][0]["content"] for turn in turns]
    assert inputs == ["Hi 1", "Hi 2"]
    assert [turn["gen_ai.response.finish_reasons"] for turn in turns] == [["tool_call"], ["stop"]]


@BOTH
def test_a_request_that_is_refused_is_a_failed_span(manager, server, is_async):
    error = {"code": "previous_response_not_found", "message": "No such response.", "type": "x"}
    server.scripts = [[[{"type": "error", "status": 404, "error": error}], answer(1)]]
    asked = {**CREATE, "model": "gpt-5", "input": "Hi"}
    talk(
        server,
        is_async,
        lambda client: client.responses.connect(),
        [asked, "error", asked, "response.completed"],
    )

    session, [refused, answered] = spans(manager)
    assert refused["error.type"] == "previous_response_not_found"
    assert refused["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"
    assert "error.type" not in {**answered.attributes, **session.attributes}
    assert answered["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"


@BOTH
def test_a_long_answer_keeps_its_end(manager, server, is_async):
    started, added, *rest = answer(1)
    delta = {"type": "response.output_text.delta", "output_index": 0, "delta": "x" * 500}
    server.scripts = [[[started, added, *[delta] * 2000, *rest]]]
    talk(
        server,
        is_async,
        lambda client: client.responses.connect(),
        [{**CREATE, "model": "gpt-5"}, "response.completed"],
    )

    _, [turn] = spans(manager)
    assert turn["gen_ai.usage.input_tokens"] == 11
    assert turn["gen_ai.response.finish_reasons"] == ["stop"]


def realtime(client):
    return client.realtime.connect(model="gpt-realtime-2")


def older_realtime(client):
    return client.beta.realtime.connect(model="gpt-realtime-2")


SETUP = {
    "type": "session.created",
    "session": {
        "id": "sess_1",
        "model": "gpt-realtime-2",
        "audio": {"input": {"transcription": {"model": "whisper-2"}}},
    },
}


@BOTH
@pytest.mark.parametrize("connect", [realtime, older_realtime])
def test_what_the_transcription_of_speech_costs_is_told(manager, server, is_async, connect):
    heard = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Hello?",
        "usage": {
            "type": "tokens",
            "input_tokens": 14,
            "output_tokens": 3,
            "total_tokens": 17,
            "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
        },
    }
    done = {"id": "resp_1", "status": "completed", "output": [CALL], "usage": RESPONSE_USAGE}
    server.greeting = [SETUP]
    server.scripts = [
        [
            [
                {"type": "response.created", "response": {"id": "resp_1", "output": []}},
                heard,
                {"type": "response.done", "response": done},
            ]
        ]
    ]
    talk(server, is_async, connect, ["session.created", CREATE, "response.done"])

    session, [transcription, turn] = spans(manager)
    assert transcription.name == "generate_content whisper-2"
    assert transcription["gen_ai.usage.audio.input_tokens"] == 14
    assert transcription["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello?"
    assert turn["gen_ai.usage.input_tokens"] == 11
    assert turn["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hello?"
    assert turn["gen_ai.response.finish_reasons"] == ["tool_call"]
    assert session["gen_ai.conversation.id"] == "sess_1"


@BOTH
def test_responses_beside_the_conversation_are_told_apart(manager, server, is_async):
    made = [
        [
            {"type": "response.created", "response": {"object": "r", "id": f"resp_{n}"}},
            {"type": "response.output_text.delta", "response_id": f"resp_{n}", "delta": "x"},
            {
                "type": "response.done",
                "response": {
                    "id": f"resp_{n}",
                    "status": ("completed", "failed")[n - 1],
                    "status_details": {"error": {"code": "server_error", "type": "x"}}
                    if n > 1
                    else None,
                    "output": [],
                    "usage": {**RESPONSE_USAGE, "input_tokens": n},
                },
            },
        ]
        for n in (1, 2)
    ]
    server.greeting = [SETUP]
    server.scripts = [[[], mixed(*made)]]
    talk(server, is_async, realtime, [CREATE, CREATE, "response.done", "response.done"])

    _, turns = spans(manager)
    assert [turn["gen_ai.response.id"] for turn in turns] == ["resp_1", "resp_2"]
    assert [turn["gen_ai.usage.input_tokens"] for turn in turns] == [1, 2]
    assert turns[1]["error.type"] == "server_error"


@BOTH
def test_an_error_that_is_the_last_word_is_that_of_the_connection(manager, server, is_async):
    error = {"code": "session_expired", "type": "invalid_request_error", "message": "Too long."}
    server.greeting = [SETUP]
    server.scripts = [[[{"type": "error", "error": error}, 1000]]]
    talk(server, is_async, realtime, [{"type": "input_audio_buffer.commit"}, None])

    session, turns = spans(manager)
    assert (session["error.type"], turns) == ("session_expired", [])


@BOTH
def test_a_connection_that_breaks_off_fails_with_its_response(manager, server, is_async):
    server.scripts = [[[answer(1)[0], 1011]]]
    with pytest.raises(ConnectionClosed) as caught:
        talk(
            server,
            is_async,
            lambda client: client.responses.connect(),
            [{**CREATE, "model": "gpt-5"}, None],
        )

    session, [turn] = spans(manager)
    assert (session.error, turn.error) == (caught.value, caught.value)
    assert turn["gen_ai.response.id"] == "resp_1"
    assert turn["agentops.response.stream_end"] == "error"


@BOTH
def test_a_program_that_leaves_by_an_exception_closes_what_is_open(manager, server, is_async):
    server.scripts = [[[answer(1)[0]]]]
    left = LookupError("enough")
    with pytest.raises(LookupError) as caught:
        talk(
            server,
            is_async,
            lambda client: client.responses.connect(),
            [{**CREATE, "model": "gpt-5"}, "response.created", left],
        )

    assert caught.value is left
    session, [turn] = spans(manager)
    assert (session.error, turn.error) == (None, None)
    assert turn["agentops.response.stream_end"] == "closed"


@BOTH
def test_a_connection_that_is_taken_up_again_stays_one_span(manager, server, is_async):
    server.greeting = [SETUP]
    done = {"id": "resp_2", "status": "completed", "output": [], "usage": RESPONSE_USAGE}
    created = {"type": "response.created", "response": {"id": "resp_1"}}
    server.scripts = [
        [[created, 1012]],
        [[{**created, "response": {"id": "resp_2"}}, {"type": "response.done", "response": done}]],
    ]
    talk(
        server,
        is_async,
        lambda client: client.realtime.connect(
            model="gpt-realtime-2", on_reconnecting=lambda _: None, initial_delay=0.01
        ),
        ["session.created", CREATE, "session.created", CREATE, "response.done"],
    )

    session, [lost, turn] = spans(manager)
    assert session["agentops.retry_count"] == 1
    assert (session.error, session.span.status.status_code) == (None, StatusCode.UNSET)
    assert isinstance(lost.error, ConnectionClosed)
    assert (turn.error, turn["gen_ai.usage.input_tokens"]) == (None, 11)


@BOTH
def test_a_connection_that_cannot_be_taken_up_again_fails(manager, server, is_async):
    server.greeting = [SETUP]
    server.scripts = [[[1012]]]
    with pytest.raises(ConnectionClosed):
        talk(
            server,
            is_async,
            lambda client: client.realtime.connect(
                model="gpt-realtime-2", on_reconnecting=lambda _: {"abort": True}
            ),
            ["session.created", CREATE, None],
        )

    session, [] = spans(manager)
    assert isinstance(session.error, ConnectionClosed)
