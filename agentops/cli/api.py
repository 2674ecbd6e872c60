"""How does the command line ask the backend? A small client of its REST API.

The address is that of ``--url``, or of the backend that this user runs, as its data directory tells.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import urllib3

from agentops.errors import ApiError, MissingExtraError

__all__ = ["ApiClient", "Json", "add_connection_arguments", "connect"]

Json: TypeAlias = Any
"""Whatever the REST API answers; its shapes are those of ``agentops.server.schemas``."""

DEFAULT_URL = "http://127.0.0.1:4320"
_TIMEOUT_S = 10.0


class ApiClient:
    """Reads the backend's REST API.

    Args:
        url: Base URL without a trailing slash.
        token: The browser token, or ``""``.

    Raises:
        ApiError: From every method: no answer, or the backend's own refusal.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._http = urllib3.PoolManager(retries=False)
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    def get(self, path: str, parameters: Mapping[str, object] | None = None) -> Json:
        """Return the JSON answer to ``GET /api/v1/{path}``; parameters that are ``None`` are left out."""
        response = self._request(path, parameters, timeout=urllib3.Timeout(total=_TIMEOUT_S))
        body = response.data
        if response.status != 200:
            raise ApiError(response.status, _refusal(response.status, body))
        try:
            return json.loads(body)
        except ValueError:
            message = f"what answers at {self.url} is no AgentOps backend; see --url"
            raise ApiError(response.status, message) from None

    def session(self, session_id: str) -> Json:
        """Return one session by its id or a unique prefix of at least six characters."""
        return self.get(f"sessions/{quote(session_id, safe='')}")

    def stream(self, query: str = "") -> Iterator[tuple[str, Json]]:
        """Yield ``(event name, data)`` from the live stream of the sessions that match, until it ends."""
        parameters = {"q": query} if query else None
        timeout = urllib3.Timeout(connect=_TIMEOUT_S, read=60)
        response = self._request("events", parameters, timeout=timeout, preload_content=False)
        if response.status != 200:
            raise ApiError(response.status, _refusal(response.status, response.read()))
        try:
            yield from _server_sent_events(response)
        except urllib3.exceptions.HTTPError:
            raise ApiError(0, f"the stream of {self.url} broke off") from None
        finally:
            response.close()

    def page(self, path: str) -> str:
        """Return the URL of a page, with the token that opens it."""
        return f"{self.url}{path}" + (f"?token={self.token}" if self.token else "")

    def _request(
        self, path: str, parameters: Mapping[str, object] | None, **how: object
    ) -> urllib3.BaseHTTPResponse:
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        target = f"{self.url}/api/v1/{path}" + (f"?{urlencode(given)}" if given else "")
        try:
            return self._http.request("GET", target, headers=self._headers, redirect=False, **how)  # type: ignore[arg-type]  # keywords of urllib3
        except urllib3.exceptions.HTTPError as error:
            reason = type(error).__name__
            message = (
                f"no answer from {self.url} ({reason}); start the backend with: agentops serve"
            )
            raise ApiError(0, message) from None


def _refusal(status: int, body: bytes) -> str:
    """Return the backend's own words, or the status where it said none."""
    if status == 401:  # its own words are for browsers
        return (
            "the token is missing or wrong; give --token what follows token= in the address that"
            " `agentops serve` printed"
        )
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    message = told.get("message") or told.get("error") if isinstance(told, dict) else None
    return str(message or f"the backend answered {status}")


def _server_sent_events(response: urllib3.BaseHTTPResponse) -> Iterator[tuple[str, Json]]:
    """Read server-sent events (HTML standard, 9.2.6) off a response."""
    name, data = "message", ""
    buffer = b""
    for chunk in response.stream(amt=None):
        buffer += chunk
        *lines, buffer = buffer.split(b"\n")
        for raw in lines:
            line = raw.decode("utf-8", "replace").rstrip("\r")
            if not line:
                if data:
                    yield name, json.loads(data)
                name, data = "message", ""
            elif line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data += line[5:].strip()


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--url``, ``--token``, ``--data-dir`` and ``--json``, the same for every verb that reads."""
    parser.add_argument(
        "--url", help=f"backend, default the one this user runs, else {DEFAULT_URL}"
    )
    parser.add_argument(
        "--token", help="token of the backend, default read from its data directory"
    )
    parser.add_argument("--data-dir", type=Path, help="data directory of the backend")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, the same as the REST API's"
    )


def connect(options: argparse.Namespace) -> ApiClient:
    """Return a client for the backend that the options, or the data directory, name."""
    try:
        from agentops.server.config import data_directory, read_server_file, read_token  # an extra
    except ImportError as error:
        raise MissingExtraError("This verb", "server", error.name) from None
    directory = data_directory(options.data_dir)
    told = read_server_file(directory)
    url = (options.url or (told.url if told else DEFAULT_URL)).rstrip("/")
    is_ours = told is not None and url == told.url
    token = options.token or (read_token(directory) if is_ours or options.data_dir else "") or ""
    return ApiClient(url, token)
