"""Responses on a realtime connection: what each was asked, its times, and connections that are taken up again."""

import threading

import openai
import pytest
from opentelemetry.sdk.trace import SpanProcessor
from support.openai_sockets import Server, spans, talk
from support.openai_wire import RESPONSE_USAGE

pytest.importorskip("openai.resources.live")
pytestmark = [
    pytest.mark.usefixtures("provider"),
    # openai 3.54 opens its connections in a way that websockets 17 warns of.
    pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning"),
]
BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
CREATE = {"type": "response.create"}
SETUP = {"type": "session.created", "session": {"id": "sess_1", "model": "gpt-realtime-2"}}


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def realtime(client):
    return client.realtime.connect(model="gpt-realtime-2")


def asked(instructions):
    return {**CREATE, "response": {"instructions": instructions}}


def instructions_of(turn):
    return turn["gen_ai.system_instructions"][0]["content"]


def answered(n):
    response = {"id": f"resp_{n}", "status": "completed", "output": [], "usage": RESPONSE_USAGE}
    return [
        {"type": "response.created", "response": {"id": f"resp_{n}", "output": []}},
        {"type": "response.done", "response": response},
    ]


@BOTH
def test_each_of_two_responses_asked_for_at_once_has_what_was_said_for_it(
    manager, server, is_async
):
    server.greeting = [SETUP]
    server.scripts = [[[], [*answered(1), *answered(2)]]]
    steps = [asked("Be brief."), asked("Be kind."), "response.done", "response.done"]
    talk(server, is_async, realtime, steps)

    _, turns = spans(manager)
    assert [instructions_of(turn) for turn in turns] == ["Be brief.", "Be kind."]


@BOTH
def test_a_response_has_nothing_of_one_that_was_refused_before_it(manager, server, is_async):
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}
    server.greeting = [SETUP]
    server.scripts = [[[refusal], answered(1)]]
    talk(
        server, is_async, realtime, [asked("Refused."), "error", asked("Be kind."), "response.done"]
    )

    _, [turn] = spans(manager)
    assert instructions_of(turn) == "Be kind."


@BOTH
@pytest.mark.parametrize("is_begun", [False, True], ids=["before", "after"])
def test_a_response_that_the_service_began_has_nothing_of_what_it_was_in_the_way_of(
    manager, server, is_async, is_begun
):
    code = "conversation_already_has_active_response"
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "code": code}}
    begun, done = answered(1)
    own = [begun, refusal, done] if is_begun else [refusal, begun, done]
    server.greeting = [SETUP]
    server.scripts = [[own, answered(2)]]
    steps = [asked("Greet."), "response.done", asked("Be kind."), "response.done"]
    talk(server, is_async, realtime, steps)

    _, [by_itself, asked_for] = spans(manager)
    assert "gen_ai.system_instructions" not in by_itself.attributes
    assert "gen_ai.response.time_to_first_chunk" not in by_itself.attributes
    assert instructions_of(asked_for) == "Be kind."


@BOTH
def test_a_response_has_nothing_of_one_that_was_lost_with_its_connection(manager, server, is_async):
    server.greeting = [SETUP]
    server.scripts = [[[1012]], [answered(1), answered(2)]]
    talk(
        server,
        is_async,
        resuming,
        [
            "session.created",
            asked("Lost."),
            "session.created",
            *(asked("Be brief."), "response.done"),
            *(asked("Be kind."), "response.done"),
        ],
    )

    _, turns = spans(manager)
    assert [instructions_of(turn) for turn in turns] == ["Be brief.", "Be kind."]


def resuming(client):
    return client.realtime.connect(
        model="gpt-realtime-2", on_reconnecting=lambda _: None, initial_delay=0.01
    )


@BOTH
def test_a_connection_that_is_lost_again_while_it_is_taken_up_stays_one_span(
    manager, server, is_async, monkeypatch
):
    def connect(client):
        """Return what sends at its second WebSocket when that is gone already."""
        entered = client.realtime.connect(
            model="gpt-realtime-2",
            on_reconnecting=lambda event: entered.send(CREATE) if event.attempt == 1 else None,
            initial_delay=0.01,
        )
        opened = []
        open_socket = type(entered)._connect_ws

        def losing(*args):
            opened.append(open_socket(*args))
            if len(opened) == 2:
                opened[1].close(1012)
            return opened[-1]

        async def losing_async(*args):
            opened.append(await open_socket(*args))
            if len(opened) == 2:
                await opened[1].close(1012)
            return opened[-1]

        monkeypatch.setattr(type(entered), "_connect_ws", losing_async if is_async else losing)
        return entered

    server.greeting = [SETUP]
    server.scripts = [[[1012]], [], [answered(1)]]
    steps = ["session.created", CREATE, "session.created", CREATE, "response.done"]
    talk(server, is_async, connect, steps)

    session, [turn] = spans(manager)
    assert session["agentops.retry_count"] == 2
    assert (session.error, turn.error) == (None, None)


@BOTH
def test_the_pace_of_spoken_responses_counts_their_audio(manager, server, is_async):
    created, done = answered(1)
    audio = {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": "AAAA"}
    added = {"type": "conversation.item.added", "item": {"id": "item_1", "type": "message"}}
    server.greeting = [SETUP]
    server.scripts = [[[added, created, *[audio] * 8, done]]]
    talk(server, is_async, realtime, ["session.created", CREATE, "response.done"])

    _, [turn] = spans(manager)
    [pace] = turn.measurements
    duration = (turn.span.end_time - turn.span.start_time) / 1e9
    assert pace.value <= duration / 9


@BOTH
def test_the_first_chunk_of_a_response_is_timed_from_its_request(manager, server, is_async):
    server.greeting = [SETUP]
    server.scripts = [[[0.05, *answered(1), *answered(2)]]]
    talk(server, is_async, realtime, [CREATE, "response.done", "response.done"])

    _, [asked_for, own] = spans(manager)
    assert asked_for["gen_ai.response.time_to_first_chunk"] >= 0.05
    assert "gen_ai.response.time_to_first_chunk" not in own.attributes


def added(item, number):
    """Return what the service says when it takes an item, for which it makes up an id."""
    taken = {"id": f"item_{number}", "object": "realtime.item", "status": "completed", **item}
    return {"type": "conversation.item.added", "previous_item_id": None, "item": taken}


def result(value):
    return {"type": "function_call_output", "call_id": f"call_{value}", "output": value}


def heard(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def inputs_of(turn):
    parts = [part for each in turn["gen_ai.input.messages"] for part in each["parts"]]
    return [part.get("content") or part["response"] for part in parts]


def created(item):
    return {"type": "conversation.item.create", "item": item}


@BOTH
def test_what_a_response_is_given_is_told_once(manager, server, is_async):
    server.greeting = [SETUP]
    items = [result("7"), result("8"), heard("And?"), heard("And?")]
    spoken = added(heard("Spoken."), 5)
    taken = [[added(item, number)] for number, item in enumerate(items)]
    server.scripts = [[*taken, [spoken, *answered(1)]]]
    talk(server, is_async, realtime, [*map(created, items), CREATE, "response.done"])

    _, [turn] = spans(manager)
    assert inputs_of(turn) == ["7", "8", "And?", "And?", "Spoken."]


@BOTH
def test_what_is_given_while_a_response_is_made_is_for_the_next(manager, server, is_async):
    begun, done = answered(1)
    server.greeting = [SETUP]
    server.scripts = [
        [
            [begun],
            [added(heard("Wait."), 1), added(heard("Spoken."), 2), done],
            answered(2),
        ]
    ]
    steps = [CREATE, "response.created", created(heard("Wait.")), "response.done"]
    talk(server, is_async, realtime, [*steps, CREATE, "response.done"])

    _, [first, second] = spans(manager)
    assert "gen_ai.input.messages" not in first.attributes
    assert inputs_of(second) == ["Wait.", "Spoken."]


@BOTH
def test_a_response_beside_the_conversation_names_none(manager, server, is_async):
    server.greeting = [SETUP]
    server.scripts = [[answered(1)]]
    beside = {**CREATE, "response": {"conversation": "none", "input": [heard("Is it?")]}}
    talk(server, is_async, realtime, [beside, "response.done"])

    _, [turn] = spans(manager)
    assert "gen_ai.conversation.id" not in turn.attributes
    assert inputs_of(turn) == ["Is it?"]


def test_what_one_thread_sends_waits_while_another_begins_a_response(manager, provider, server):
    sent_meanwhile = []
    begin = provider.instrumentation.socket_turn

    def begin_slowly(*args):
        asking = threading.Thread(target=connection.send, args=[asked("Be kind.")])
        asking.start()
        asking.join(0.1)
        sent_meanwhile.append(asking)
        assert asking.is_alive()
        return begin(*args)

    server.greeting = [SETUP]
    server.scripts = [[answered(1), answered(2)]]
    with realtime(openai.OpenAI(**server.options)) as connection:
        provider.instrumentation.socket_turn = begin_slowly
        connection.send(asked("Be brief."))
        events = iter(connection)
        while next(events).type != "response.created":
            pass
        provider.instrumentation.socket_turn = begin
        sent_meanwhile[0].join()
        for done in ("response.done", "response.done"):
            while next(events).type != done:
                pass

    _, turns = spans(manager)
    assert [instructions_of(turn) for turn in turns] == ["Be brief.", "Be kind."]


class Started(SpanProcessor):
    def __init__(self):
        self.names = []

    def on_start(self, span, parent_context=None):
        self.names.append(span.name)


def test_what_is_read_after_the_close_begins_nothing(manager, server):
    started = Started()
    manager.tracer_provider.add_span_processor(started)
    server.scripts = [[[*answered(1), 1000]]]
    with realtime(openai.OpenAI(**server.options)) as connection:
        connection.send(CREATE)
        connection._connection.recv_events_thread.join()  # by then all is here
        connection.close()
        late = [event.type for event in connection]

    assert late == ["response.created", "response.done"]
    assert started.names == [ended.name for ended in manager.ended] == ["realtime gpt-realtime-2"]
