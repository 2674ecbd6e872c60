"""The AgentOps protocols: the recorded requests of the released packages, and what they become."""

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from support.ingest_server import SECRET

from agentops.errors import StorageBusyError
from agentops.server.ingest.tokens import issue

RECORDED = Path(__file__).parents[3] / "fixtures" / "agentops"
SESSION = "6248ef3c-6fe1-40e3-860c-e4521673fcd0"


def replay(url: str, name: str) -> list[httpx.Response]:
    """Send every recorded request in order, with the tokens that this server issues."""
    requests = json.loads((RECORDED / name).read_text(encoding="utf-8"))["requests"]
    tokens: dict[str, str] = {}
    answers = []
    with httpx.Client(base_url=url) as client:
        for request in requests:
            headers = {
                key: value
                for key, value in request["headers"].items()
                if key.lower() not in ("host", "content-length", "authorization")
            }
            if request["path"] == "/v1/traces":
                headers["Content-Type"] = "application/json"
            body = request["body"]
            session_id = _session_of(body)
            if session_id in tokens:
                headers["Authorization"] = f"Bearer {tokens[session_id]}"
            elif tokens:
                headers["Authorization"] = f"Bearer {next(reversed(tokens.values()))}"
            answer = client.request(
                request["method"], request["path"], content=json.dumps(body), headers=headers
            )
            answers.append(answer)
            if "jwt" in answer.text and session_id:
                tokens[session_id] = answer.json()["jwt"]
    return answers


def _session_of(body: dict) -> str:
    if "session" in body:
        return body["session"]["session_id"]
    if body.get("events"):
        return body["events"][0]["session_id"]
    return body.get("session_id", "")


def test_a_recorded_0_3_program_becomes_sessions_with_spans_and_events(url, acceptor):
    answers = replay(url, "agentops-0.3.26.json")

    assert {200} == {answer.status_code for answer in answers}
    spans = [row for row in acceptor.spans if row.session_id == SESSION]
    root = next(row for row in spans if row.span_type == "session")
    assert ("Success", ["final1", "final2"], SESSION.replace("-", "")) == (
        root.end_state,
        root.tags,
        root.trace_id,
    )
    assert root.attributes["agentops.session.end_reason"] == "all good"
    assert root.resource_attributes["telemetry.sdk.version"] == "0.3.26"
    assert root.end_ns - root.start_ns == 1_480_677_000
    children = [row for row in spans if row is not root]
    assert {root.span_id} == {row.parent_span_id for row in children}
    counts = {kind: sum(r.span_type == kind for r in children) for kind in ("llm", "tool", "task")}
    assert {"llm": 7, "tool": 3, "task": 7} == counts
    assert sum(row.status_code == "error" for row in children) == 3


def test_0_3_events_keep_what_they_told(url, acceptor):
    replay(url, "agentops-0.3.26.json")
    spans = {row.attributes.get("agentops.event.id", row.span_id): row for row in acceptor.spans}
    rows = {event.event_id: event for event in acceptor.events}

    told = next(row for row in spans.values() if row.cost_usd == 0.5)
    assert (3, 4, "gpt-4o", "llm", "chat") == (
        told.input_tokens,
        told.output_tokens,
        told.request_model,
        told.span_type,
        told.operation,
    )
    assert json.loads(told.input_messages) == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    ]
    assert json.loads(told.output_messages)[0]["parts"][0]["content"] == "yo"
    assert rows["224a4e2d-aa78-4fef-88e0-63cd39510c7b"].event_name == "agentops.llm"

    failed = next(row for row in spans.values() if row.error_message == "deco boom")
    assert ("RuntimeError", "<path>:53 in fails") == (failed.error_type, failed.error_location)

    tool = next(row for row in spans.values() if row.tool_name == "deco_tool")
    assert json.loads(tool.input_messages)[0]["parts"][0]["arguments"] == {"x": 4}
    assert json.loads(tool.output_messages)[0]["parts"][0]["response"] == 8

    by_agent = [row for row in spans.values() if row.agent_name]
    assert ["AgentSmith"] == [row.agent_name for row in by_agent]


def test_a_call_without_a_cost_is_priced_and_an_unknown_model_is_not(client, acceptor):
    headers, _ = session(client)
    event = {"event_type": "llms", "prompt_tokens": 1000, "completion_tokens": 100}
    events = [
        {**event, "id": str(uuid4()), "model": "gpt-4o"},
        {**event, "id": str(uuid4()), "model": "my-own"},
    ]

    client.post("/v2/create_events", json={"events": events}, headers=headers)

    costs = {row.request_model: row.cost_usd for row in acceptor.spans}
    assert {"gpt-4o": pytest.approx(0.0035), "my-own": None} == costs


def test_a_recorded_0_4_program_becomes_sessions_by_trace(url, acceptor):
    answers = replay(url, "agentops-0.4.21.json")

    assert {200} == {answer.status_code for answer in answers}
    assert {row.trace_id for row in acceptor.spans} == {row.session_id for row in acceptor.spans}
    roots = {row.session_name for row in acceptor.spans if row.span_type == "session"}
    assert roots == {"my-default", "default", "thread0", "thread1", "thread2"}
    logs = [row for row in acceptor.events if row.event_name == "agentops.logs"]
    assert {row.trace_id for row in logs} <= {row.trace_id for row in acceptor.spans}
    assert "Hello from fake." in logs[0].body


def test_a_0_4_token_names_the_project(url):
    answer = httpx.post(f"{url}/v3/auth/token", json={"api_key": "any"}).json()

    assert ("default", "pro") == (answer["project_id"], answer["project_prem_status"])
    described = httpx.get(
        f"{url}/v3/auth/token", headers={"authorization": f"Bearer {answer['token']}"}
    )
    assert described.json()["payload"]["project_id"] == "default"


@pytest.fixture
def client(url):
    with httpx.Client(base_url=url) as opened:
        yield opened


def session(client: httpx.Client) -> tuple[dict[str, str], str]:
    session_id = str(uuid4())
    answer = client.post("/v2/create_session", json={"session": {"session_id": session_id}})
    assert answer.json()["session_url"].endswith(f"/s/{session_id}")
    return {"authorization": f"Bearer {answer.json()['jwt']}"}, session_id


def test_a_session_is_announced_before_anything_has_ended(client, acceptor):
    _, session_id = session(client)

    assert acceptor.spans == []
    assert [("session.start", session_id)] == [
        (row.event_name, row.session_id) for row in acceptor.events
    ]


def test_an_event_of_an_existing_span_makes_no_second_span(client, acceptor):
    headers, session_id = session(client)
    event = {
        "id": str(uuid4()),
        "event_type": "llms",
        "model": "gpt-4o",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "prompt": "hi",
    }

    client.post("/v2/create_events", json={"events": [event]}, headers=headers)

    assert acceptor.spans == []
    row = acceptor.events[-1]
    assert ("ab" * 16, "cd" * 8, session_id) == (row.trace_id, row.span_id, row.session_id)
    assert (json.loads(row.body), row.attributes["model"]) == ({"prompt": "hi"}, "gpt-4o")


def test_errors_keep_link_and_time_in_both_shapes(client, acceptor):
    headers, _ = session(client)
    cause = str(uuid4())
    time = "2026-11-22T09:18:54.809525+00:00"
    events = [
        {"id": cause, "event_type": "actions", "init_timestamp": time},
        {
            "id": "old",
            "event_type": "errors",
            "error_type": "E",
            "trigger_event_id": cause,
            "timestamp": time,
        },
        {
            "id": "new",
            "event_type": "errors",
            "error_type": "E",
            "trigger_event": {"id": cause},
            "init_timestamp": time,
        },
    ]

    client.post("/v2/create_events", json={"events": events}, headers=headers)

    action, *errors = acceptor.spans
    assert {action.span_id} == {row.parent_span_id for row in errors}
    assert {1_795_339_134_809_525_000} == {row.start_ns for row in errors}
    assert {17} == {row.severity for row in acceptor.events if row.event_type == "errors"}


def test_the_same_event_again_replaces_itself(client, acceptor):
    headers, _ = session(client)
    event = {"id": str(uuid4()), "event_type": "tools", "name": "t"}

    for returns in ("first", "second"):
        client.post(
            "/v2/update_events", json={"events": [{**event, "returns": returns}]}, headers=headers
        )

    (span,) = acceptor.spans
    assert "second" in span.output_messages


def test_a_session_tells_its_cost_at_the_end(client, acceptor):
    headers, session_id = session(client)
    events = [{"id": str(uuid4()), "event_type": "llms", "model": "x", "cost": 0.25}] * 2
    client.post("/v2/create_events", json={"events": events}, headers=headers)
    ended = {
        "session_id": session_id,
        "init_timestamp": "2026-11-22T09:18:54+00:00",
        "end_timestamp": "2026-11-22T09:18:55+00:00",
        "end_state": "Fail",
        "end_state_reason": "why",
    }

    answer = client.post("/v2/update_session", json={"session": ended}, headers=headers)

    assert answer.json()["token_cost"] == "0.250000"
    root = next(row for row in acceptor.spans if row.span_type == "session")
    assert ("Fail", "error", "why") == (root.end_state, root.status_code, root.error_message)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "expected Authorization"),
        ("Bearer a.b.c", "Invalid Token"),
        ("Bearer " + issue(SECRET, "session", {"session_id": str(uuid4())}, -1), "Expired Token"),
        ("Bearer " + issue(SECRET, "authenticated", {}, 60), "Invalid Token"),
        ("Bearer " + issue(bytes(32), "session", {}, 60), "Invalid Token"),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", "Invalid Token"),
    ],
)
def test_events_need_a_token_of_this_server(url, acceptor, token, message):
    answer = httpx.post(
        f"{url}/v2/create_events", json={"events": [{}]}, headers={"authorization": token}
    )

    assert answer.status_code == 401
    assert answer.json()["path"] == "/v2/create_events"
    assert answer.json()["message"].startswith(message)
    assert acceptor.rows == []


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"{}", b'{"session":{}}', b'{"session":{"session_id":"x"}}']
)
def test_what_is_no_session_is_refused(url, body):
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{url}/v2/create_session", content=body, headers=headers)

    assert (400, True) == (answer.status_code, bool(answer.json()["message"]))


def test_forms_and_plain_text_are_refused(url):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {"content-type": kind}
        answer = httpx.post(f"{url}/v2/create_session", content=b"{}", headers=headers)
        assert answer.status_code == 415


def test_overload_is_told_as_such(url, acceptor):
    acceptor.errors.append(StorageBusyError("the queue is full"))

    body = {"session": {"session_id": str(uuid4())}}
    answer = httpx.post(f"{url}/v2/create_session", json=body)

    assert (503, True) == (answer.status_code, int(answer.headers["retry-after"]) > 0)


def test_another_method_is_refused(url):
    assert httpx.get(f"{url}/v2/create_session").status_code == 405
    assert httpx.post(f"{url}/v2/update_logs", json={}).status_code == 405
    assert httpx.put(f"{url}/v3/auth/token", json={}).status_code == 405


def test_time_travel_has_nothing_to_replay(url):
    assert httpx.get(f"{url}/v2/ttd/x").json() == []
