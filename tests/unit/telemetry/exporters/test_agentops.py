import json
from uuid import uuid4

import pytest
from support.collector import Collector, Reply
from support.records import event, span

from agentops.errors import ConfigurationError
from agentops.events import ActionEvent, ErrorEvent
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.encoder import ENCODINGS
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Outcome

KEY = "11111111-2222-3333-4444-555555555555"


class Backend(Collector):
    """Hands out tokens that a test can make worthless."""

    def __init__(self):
        super().__init__()
        self.good = "first"
        self.knows_key = True
        self.route(self._reply)

    def _reply(self, request):
        if request.path == "/v3/auth/token":
            if not self.knows_key:
                return Reply(status=403, body=b'{"error":"unknown key"}')
            return Reply(body=json.dumps({"token": self.good}).encode())
        if request.path in ("/v2/create_session", "/v2/reauthorize_jwt"):
            return Reply(body=json.dumps({"status": "Success", "jwt": self.good}).encode())
        if request.headers.get("authorization") not in (None, f"Bearer {self.good}"):
            return Reply(status=401)
        return Reply(body=b'"Success"' if request.path.startswith("/v2/") else b"")

    @property
    def paths(self):
        return [request.path for request in self.requests]


@pytest.fixture
def backend():
    with Backend() as running:
        yield running


def exporter_for(backend, **settings):
    settings = {"api_key": KEY, **settings}
    return build(ExporterConfig(type="agentops", endpoint=backend.url, **settings))


def batches(exporter, *records):
    """Make the batches a destination would make: one for each part."""
    whole = Batch(records)
    parts = [whole.part(encoding) for encoding in exporter.encodings]
    return [Batch(parts={part.encoding: part}) for part in parts if part is not None]


def send(exporter, *records):
    return [exporter.export(batch, 30) for batch in batches(exporter, *records)]


def test_token_is_fetched_once_and_sent_with_spans(backend):
    exporter = exporter_for(backend)

    for number in (1, 2):
        assert send(exporter, span(number))[0].outcome is Outcome.DELIVERED
    assert ["/v3/auth/token", "/v1/traces", "/v1/traces"] == backend.paths
    assert {"api_key": KEY} == json.loads(backend.requests[0].body)
    assert "Bearer first" == backend.requests[1].headers["authorization"]


def test_expired_token_is_renewed_once_and_the_same_batch_sent_again(backend):
    exporter = exporter_for(backend)
    send(exporter, span(1))
    backend.good = "second"

    assert send(exporter, span(2))[0].outcome is Outcome.DELIVERED
    assert ["/v1/traces", "/v3/auth/token", "/v1/traces"] == backend.paths[2:]
    assert ["s1", "s2"] == backend.span_names


def test_refused_key_keeps_the_data_and_waits_a_minute(backend):
    backend.knows_key = False
    [result] = send(exporter_for(backend), span(1))

    assert (Outcome.RETRY, 60.0) == (result.outcome, result.retry_after_s)
    assert "the key was refused, http 403" == result.reason
    assert ["/v3/auth/token"] == backend.paths


def test_a_server_that_knows_no_keys_is_not_said_to_refuse_this_one(backend):
    backend.route(lambda _: Reply(status=404))
    [result] = send(exporter_for(backend), span(1))

    assert (Outcome.RETRY, 60.0) == (result.outcome, result.retry_after_s)
    assert "no token for the key, http 404" == result.reason


def test_token_that_stays_worthless_keeps_the_data(backend):
    backend.route(
        lambda request: (
            Reply(body=b'{"token":"t"}') if request.path == "/v3/auth/token" else Reply(status=401)
        )
    )
    [result] = send(exporter_for(backend), span(1))

    assert (Outcome.RETRY, 60.0) == (result.outcome, result.retry_after_s)
    assert 2 == backend.paths.count("/v3/auth/token")


def test_without_a_key_nothing_is_authenticated(backend):
    exporter = exporter_for(backend, api_key=None)

    assert send(exporter, span(1))[0].outcome is Outcome.DELIVERED
    assert ["/v1/traces"] == backend.paths
    assert "authorization" not in backend.requests[0].headers


def test_events_are_sent_for_a_session_announced_once(backend):
    exporter = exporter_for(backend)
    session_id = str(uuid4())
    for number in (1, 2):
        action = ActionEvent(action_type=f"step {number}", params={"a": [1, float("nan")]})
        send(exporter, event(number, event=action, session_id=session_id))

    assert ["/v2/create_session", "/v2/create_events", "/v2/create_events"] == backend.paths
    announced = json.loads(backend.requests[0].body)["session"]
    assert session_id == announced["session_id"]
    [sent] = json.loads(backend.requests[1].body)["events"]
    assert ("step 1", session_id) == (sent["action_type"], sent["session_id"])
    assert {"a": [1, None]} == sent["params"]
    assert KEY == backend.requests[1].headers["x-agentops-api-key"]


@pytest.mark.parametrize(
    ("told", "name"),
    [(ActionEvent(action_type="buy"), "init_timestamp"), (ErrorEvent(details="no"), "timestamp")],
)
def test_a_session_is_announced_with_the_time_of_its_event_not_of_its_arrival(backend, told, name):
    send(exporter_for(backend), event(1, event=told, session_id=str(uuid4())))

    announced = json.loads(backend.requests[0].body)["session"]
    [sent] = json.loads(backend.requests[1].body)["events"]
    assert sent[name] == announced["init_timestamp"]


def test_errors_name_the_event_that_triggered_them(backend):
    exporter = exporter_for(backend)
    trigger = ActionEvent(action_type="buy")
    error = ErrorEvent(trigger_event=trigger, error_type="Oops", details="no money")
    send(exporter, event(1, event=error, session_id=str(uuid4())))

    [sent] = json.loads(backend.requests[-1].body)["events"]
    assert (str(trigger.id), "actions") == (sent["trigger_event_id"], sent["trigger_event_type"])
    assert sent["timestamp"]


def test_events_of_other_sessions_are_not_sent_again_when_one_fails(backend):
    exporter = exporter_for(backend)
    records = [
        event(number, event=ActionEvent(action_type=f"a{number}"), session_id=str(uuid4()))
        for number in range(3)
    ]
    [batch] = batches(exporter, *records)
    plan = iter([None, None, None, None, None, Reply(status=503)])  # the third session's events
    usual = backend._reply
    backend.route(lambda request: next(plan, None) or usual(request))

    assert exporter.export(batch, 30).outcome is Outcome.RETRY
    assert exporter.export(batch, 30).outcome is Outcome.DELIVERED
    sent = [
        each["action_type"]
        for request in backend.accepted
        if request.path == "/v2/create_events"
        for each in json.loads(request.body)["events"]
    ]
    assert ["a0", "a1", "a2"] == sent


def test_plain_log_records_go_to_the_logs_path(backend):
    exporter = exporter_for(backend)
    send(exporter, event(1, name="session.start"))

    assert "/v1/logs" == backend.paths[-1]


def test_hosted_service_gets_sessions_in_its_own_protocol_and_spans_at_its_own_host():
    exporter = build(
        ExporterConfig(type="agentops", endpoint="https://api.agentops.ai", api_key=KEY)
    )

    assert "agentops_sessions" in exporter.encodings
    assert "agentops_logs" not in exporter.encodings
    tags = {"agentops.tags": ("a", "b")}
    [batch] = batches(exporter, event(1, name="session.start", attributes=tags))
    [item] = batch.parts()[0].groups[0].items
    assert {"session_id": "5e55", "tags": ["a", "b"]}.items() <= json.loads(item).items()
    assert set(exporter.encodings) <= set(ENCODINGS)


def test_key_in_plain_text_to_another_machine_is_refused():
    with pytest.raises(ConfigurationError, match="insecure"):
        build(ExporterConfig(type="agentops", endpoint="http://192.0.2.1:4320", api_key=KEY))


def test_key_is_in_no_text_about_the_exporter(backend):
    exporter = exporter_for(backend)

    assert KEY not in exporter.name
    assert KEY not in repr(exporter)
