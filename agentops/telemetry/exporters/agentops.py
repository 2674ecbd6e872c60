"""How do records reach AgentOps, hosted or local? Telemetry floor.

Spans leave as OTLP protobuf with a bearer token, which is fetched when the first batch goes out. Events
leave in the AgentOps v2 protocol: each session is announced once and answers with a token for its events.
What is neither, such as the start of a session, goes to a backend of one's own as OTLP log records; the
hosted service is told of sessions in its own protocol.
"""

import json
from collections import OrderedDict
from urllib.parse import urlsplit

from agentops import __version__
from agentops.clock import monotonic_ns
from agentops.errors import ConfigurationError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.encoder import EncodingName, Group, Part
from agentops.telemetry.exporters.answers import from_http_status
from agentops.telemetry.exporters.base import DELIVERED, Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.exporters.otlp import compression_of, post_part
from agentops.telemetry.exporters.transport import (
    Answer,
    HttpTransport,
    TransportError,
    is_loopback,
    warn_of_plain_headers,
)

__all__ = ["AgentOpsExporter"]

_DEFAULT_ENDPOINT = "http://127.0.0.1:4320"
_HOSTED = "api.agentops.ai"
_HOSTED_OTLP = "https://otlp.agentops.ai"
_REFUSED_KEY_PAUSE_S = 60.0
_SESSIONS_MAX = 1024
_SENT_BEFORE_MAX = 4096
_LOCAL_ENCODINGS: tuple[EncodingName, ...] = ("traces_protobuf", "agentops_events", "agentops_logs")
_HOSTED_ENCODINGS: tuple[EncodingName, ...] = (
    "traces_protobuf",
    "agentops_events",
    "agentops_sessions",
)


class _FailedError(Exception):
    """A request on the way to delivery failed; ``result`` says how."""

    def __init__(self, result: ExportResult) -> None:
        super().__init__(result.reason)
        self.result = result


class AgentOpsExporter(Exporter):
    """Sends spans and events to an AgentOps backend.

    Without a key nothing is authenticated: a local backend takes everything from its own machine.

    Args:
        config: ``endpoint`` and ``api_key``. A key goes in plain text to this machine only, unless
            ``insecure`` says that it is meant.
    """

    is_remote = True

    def __init__(self, config: ExporterConfig) -> None:
        endpoint = config.endpoint or _DEFAULT_ENDPOINT
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        is_plain = parts.scheme == "http" and not is_loopback(host)
        if config.api_key and is_plain and not config.insecure:
            raise ConfigurationError(
                "endpoint", endpoint, "https for a key that leaves this machine, or insecure: true"
            )
        warn_of_plain_headers(config)
        self._transport = HttpTransport(endpoint, config)
        self._is_hosted = host == _HOSTED
        self._otlp = HttpTransport(_HOSTED_OTLP, config) if self._is_hosted else self._transport
        self._base = parts.path.rstrip("/")
        self._key = config.api_key or ""
        self._headers = {"User-Agent": f"agentops/{__version__}", **config.headers}
        self._compression = compression_of(config, host)
        self._token = ""
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._sent_before: set[bytes] = set()
        self._deadline_s = 0.0
        self.encodings = _HOSTED_ENCODINGS if self._is_hosted else _LOCAL_ENCODINGS
        self.name = f"agentops {parts.scheme}://{parts.netloc}{self._base}"
        self.identity = f"agentops {endpoint} {self._key}"
        self.advice = "start the backend with: agentops serve" if is_loopback(host) else ""

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:
        """Send the batch's part, getting the tokens it needs before."""
        self._deadline_s = monotonic_ns() / 1e9 + timeout_s
        part = batch.parts()[0]
        try:
            if part.encoding == "agentops_events":
                return self._send_events(part)
            if part.encoding == "agentops_sessions":
                return self._tell_sessions(part)
            return self._send_otlp(part)
        except _FailedError as failed:
            return failed.result

    def shutdown(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._otlp.close()

    def after_fork(self) -> None:
        """Leave the connections to the parent; the tokens serve the child as well."""
        self._transport.after_fork()
        self._otlp.after_fork()

    # ----- spans and logs

    def _send_otlp(self, part: Part) -> ExportResult:
        path = "/v1/traces" if part.encoding == "traces_protobuf" else "/v1/logs"
        base = "" if self._is_hosted else self._base
        result = DELIVERED
        for is_second in (False, True):
            headers = dict(self._headers)
            if self._compression:
                headers["Content-Encoding"] = self._compression
            if self._key:
                headers["Authorization"] = f"Bearer {self._token or self._fetch_token()}"
            result = post_part(self._otlp, base + path, part, headers, self._left_s())
            if result.reason not in ("http 401", "http 403") or not self._key:
                return result
            self._token = ""
            if is_second:
                break
        return _held(result)

    def _fetch_token(self) -> str:
        answer = self._post("/v3/auth/token", {"api_key": self._key}, {})
        token = _field(answer, "token")
        if not token:
            raise _FailedError(_held(_failure(answer)))
        self._token = token
        return token

    # ----- events

    def _send_events(self, part: Part) -> ExportResult:
        for group in part.groups:
            fresh = [item for item in group.items if item not in self._sent_before]
            if fresh:
                self._send_group(Group(group.resource, group.scope, fresh))
                if len(self._sent_before) > _SENT_BEFORE_MAX:  # of parts that were refused for good
                    self._sent_before.clear()
                # Should a later group fail, the part comes again: not these.
                self._sent_before.update(fresh)
        self._sent_before.difference_update(item for group in part.groups for item in group.items)
        return DELIVERED

    def _send_group(self, group: Group) -> None:
        session_id = group.scope.decode()
        body = Part("agentops_events", [group]).body()
        answer: Answer | None = None
        for _ in range(2):
            token = self._sessions.get(session_id) or self._announce(session_id, _begin(group))
            headers = {"Authorization": f"Bearer {token}"}
            answer = self._post("/v2/create_events", body, headers)
            if answer.status not in (401, 403):
                break
            self._sessions.pop(session_id, None)
        if answer is not None and answer.status != 200:
            refused = answer.status in (401, 403)
            raise _FailedError(_held(_failure(answer)) if refused else _failure(answer))

    def _announce(self, session_id: str, told: dict[str, object]) -> str:
        """Make a session known and return its token; one that is known already is asked for anew."""
        session = {"end_timestamp": None, "end_state": "Indeterminate", "tags": [], **told}
        session["session_id"] = session_id
        answer = self._post("/v2/create_session", {"session": session}, {})
        token = _field(answer, "jwt")
        if not token and answer.status < 500 and answer.status != 429:
            again = self._post("/v2/reauthorize_jwt", {"session_id": session_id}, {})
            token = _field(again, "jwt")
        if not token:
            refused = answer.status in (401, 403)
            raise _FailedError(_held(_failure(answer)) if refused else _failure(answer))
        self._sessions[session_id] = token
        if len(self._sessions) > _SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return token

    def _tell_sessions(self, part: Part) -> ExportResult:
        for item in (item for group in part.groups for item in group.items):
            told = json.loads(item)
            session_id = str(told.pop("session_id"))
            token = self._sessions.get(session_id) or self._announce(session_id, told)
            if told.get("end_timestamp"):
                session = {"session": {"session_id": session_id, **told}}
                answer = self._post(
                    "/v2/update_session", session, {"Authorization": f"Bearer {token}"}
                )
                if answer.status != 200:
                    raise _FailedError(_failure(answer))
        return DELIVERED

    # ----- requests

    def _left_s(self) -> float:
        return max(0.05, self._deadline_s - monotonic_ns() / 1e9)

    def _post(self, path: str, body: object, headers: dict[str, str]) -> Answer:
        sent = {**self._headers, "Content-Type": "application/json; charset=UTF-8", **headers}
        if self._key and path.startswith("/v2/"):
            sent["X-Agentops-Api-Key"] = self._key
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            return self._transport.post(self._base + path, data, sent, self._left_s())
        except TransportError as error:
            raise _FailedError(
                ExportResult(
                    outcome=Outcome.RETRY, reason=error.reason, is_unreachable=error.is_unreachable
                )
            ) from error


def _begin(group: Group) -> dict[str, object]:
    """Return when the first event was: a backend that is not told takes the time of arrival."""
    first = json.loads(group.items[0])
    return {"init_timestamp": first.get("init_timestamp") or first.get("timestamp")}


def _field(answer: Answer, name: str) -> str:
    """Return a text of a JSON answer; empty when it failed or has none."""
    if not 200 <= answer.status < 300:
        return ""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return ""
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def _failure(answer: Answer) -> ExportResult:
    if 200 <= answer.status < 300:  # no token in it
        return ExportResult(outcome=Outcome.RETRY, reason="no token")
    return from_http_status(answer.status, answer.headers, "")


def _held(result: ExportResult) -> ExportResult:
    """Keep the data of a sender who is not let in: a key can be put right, lost data cannot."""
    if result.outcome is Outcome.RETRY:
        return result
    is_refused = result.reason in ("http 401", "http 403")
    return ExportResult(
        outcome=Outcome.RETRY,
        reason=f"{'the key was refused' if is_refused else 'no token for the key'}, {result.reason}",
        message=result.message,
        retry_after_s=_REFUSED_KEY_PAUSE_S,
    )
