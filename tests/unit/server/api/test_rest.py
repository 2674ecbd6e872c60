import gzip
import json
import urllib.parse
import urllib.request

import msgspec
import pytest
from support.backend import BackendProcess, otlp_span, random_ids

from agentops.server import schemas
from agentops.server.api.endpoints import ENDPOINTS, PREFIX


def ask(backend, path, **query):
    text = urllib.parse.urlencode(query)
    status, _, body = backend.get(f"/api/v1{path}" + (f"?{text}" if text else ""))
    return status, body


@pytest.fixture(scope="module")
def session(backend):
    rows = ask(backend, "/sessions", q="status:error", limit=1)[1]["sessions"]
    return rows[0]


def test_every_endpoint_answers_in_the_declared_type(backend, session):
    skeleton = ask(backend, f"/sessions/{session['session_id']}/skeleton")[1]
    places = {
        "session_id": session["session_id"],
        "trace_id": skeleton["trace_id"][0],
        "span_id": skeleton["span_id"][0],
    }
    for endpoint in ENDPOINTS:
        if endpoint.answer is None:
            continue
        status, body = ask(backend, endpoint.path.format(**places))

        assert status == 200, endpoint.path
        msgspec.convert(body, endpoint.answer)


def test_failed_session_names_its_deepest_error(session):
    assert ("RateLimitError", "agent.py:61 in write_answer", "chat claude-sonnet-4-5") == (
        session["error"]["type"],
        session["error"]["location"],
        session["error"]["span_name"],
    )


def test_running_session_is_listed_before_any_root_has_ended(tmp_path):
    # A backend of its own: five minutes after its last span, a session counts as stopped.
    trace, root = random_ids()
    with BackendProcess(tmp_path / "data") as backend:
        backend.send(otlp_span(trace, random_ids()[1], parent=root, session__id="s"))
        rows = backend.until("/api/v1/sessions?q=status:running", lambda body: body["total"])

    assert ["running"] == [row["status"] for row in rows["sessions"]]


def test_pages_follow_the_cursor(backend):
    everything = ask(backend, "/sessions", limit=200)[1]
    seen, cursor = [], ""
    while cursor is not None:
        page = ask(backend, "/sessions", limit=7, **({"cursor": cursor} if cursor else {}))[1]
        seen += page["sessions"]
        cursor = page["next_cursor"]

    assert everything["sessions"] == seen
    assert (32, True) == (everything["total"], everything["total_is_exact"])


def test_summary_and_list_agree(backend):
    summary = ask(backend, "/sessions/summary", q="status:error")[1]
    rows = ask(backend, "/sessions", q="status:error", limit=200)[1]["sessions"]

    assert (len(rows), len(rows)) == (summary["session_count"], summary["error_count"])
    assert sum(row["input_tokens"] for row in rows) == summary["input_tokens"]


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/sessions", {"q": "color:red"}, 400, "unknown key 'color'"),
        ("/sessions", {"cursor": "nonsense"}, 400, "cursor"),
        ("/sessions", {"sort": "name"}, 400, "start, duration, cost, tokens"),
        ("/sessions", {"limit": "0"}, 400, "1 to 200"),
        ("/sessions", {"limit": "many"}, 400, "1 to 200"),
        ("/sessions", {"from": "-1"}, 400, "from"),
        ("/sessions", {"page": "2"}, 400, "unknown parameter 'page'"),
        ("/sessions/nothing-like-it", {}, 404, "no session"),
        ("/sessions/e3e", {}, 404, "no session"),
        ("/spans/0/0", {}, 404, "no span"),
        ("/traces/' OR 1=1 --", {}, 404, "no trace"),
    ],
)
def test_refusal_says_why(backend, path, query, status, words):
    given, body = ask(backend, urllib.parse.quote(path), **query)

    assert (status, True) == (given, words in body["error"])


def test_position_of_a_fault_in_the_query_is_told(backend):
    assert 10 == ask(backend, "/sessions", q="status:ok color:red")[1]["position"]


def test_unique_prefix_names_a_session(backend, session):
    body = ask(backend, f"/sessions/{session['session_id'][:8]}")[1]

    assert session == body["summary"]


def test_long_session_comes_whole_and_compressed(backend):
    [row] = ask(backend, "/sessions", q="spans>=3000")[1]["sessions"]
    path = f"{backend.url}/api/v1/sessions/{row['session_id']}/skeleton"
    headers = {"Authorization": f"Bearer {backend.token}", "Accept-Encoding": "gzip"}
    with urllib.request.urlopen(urllib.request.Request(path, headers=headers)) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        raw = answer.read()
    skeleton = json.loads(gzip.decompress(raw))

    columns = [
        name for name in schemas.Skeleton.__struct_fields__ if name not in ("strings", "types")
    ]
    assert {3_000} == {len(skeleton[name]) for name in columns[2:]}
    assert 30 == sum(parent == 0 for parent in skeleton["parent"])
    assert len(raw) < 3_000 * 60


def test_span_attributes_have_their_own_types(backend, session):
    skeleton = ask(backend, f"/sessions/{session['session_id']}/skeleton")[1]
    place = next(i for i, t in enumerate(skeleton["type"]) if skeleton["types"][t] == "llm")
    span = ask(backend, f"/spans/{skeleton['trace_id'][place]}/{skeleton['span_id'][place]}")[1]

    assert 0.2 == span["attributes"]["gen_ai.request.temperature"]
    assert span["attributes"]["gen_ai.usage.input_tokens"] == span["input_tokens"]
    assert "user" == span["input_messages"][0]["role"]


def test_ambiguous_prefix_is_told_so(tmp_path):
    with BackendProcess(tmp_path / "data") as backend:
        for end in "ab":
            span = otlp_span(end * 32, end * 16, session__id=f"same-begin-{end}")
            assert backend.send(span) == 200
        backend.until("/api/v1/sessions", lambda body: body["total"] == 2)

        assert 409 == backend.get("/api/v1/sessions/same-be")[0]
        assert 200 == backend.get("/api/v1/sessions/same-begin-a")[0]


def test_status_counts_what_came_and_why_it_was_refused(tmp_path):
    with BackendProcess(tmp_path / "data") as backend:
        empty = backend.get("/api/v1/status")[2]
        backend.send(otlp_span("a" * 32, "a" * 16))
        backend.request("POST", "/v1/traces", {"Content-Type": "text/plain"}, b"x")
        status = backend.until("/api/v1/status", lambda body: body["span_count"] == 1)

    assert (True, 0, None) == (
        empty["is_empty"],
        empty["requests_received"],
        empty["last_rejected"],
    )
    assert (False, 2, 1, 1) == (
        status["is_empty"],
        status["requests_received"],
        status["requests_rejected"],
        status["spans_received"],
    )
    assert "415" in status["last_rejected"]
    assert "text/plain" in status["last_rejected"]


def test_openapi_is_served_to_anybody(backend):
    status, _, body = backend.get("/api/v1/openapi.json", token=False)

    assert (200, {PREFIX + e.path for e in ENDPOINTS}) == (status, set(body["paths"]))
