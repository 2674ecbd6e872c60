"""Recorded exchanges of both vendors, for the tests that replay them. They stand beside the checkout."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support.openai_wire import httpx2

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PIECE_BYTES = 200


def find_recordings():
    """Return the directory of the recordings, or ``None`` where there is none beside the checkout."""
    for parent in Path(__file__).resolve().parents:
        found = parent / "shared" / "recordings"
        if found.is_dir():
            return found
    return None


def recording_params(*folders):
    """Return a pytest parameter for each recording below the folders, or one that skips."""
    root = find_recordings()
    if root is None:
        reason = "the recordings are not beside this checkout"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    files = sorted(file for folder in folders for file in (root / folder).rglob("*.yaml"))
    files += [root / folder for folder in folders if folder.endswith(".yaml")]
    return [pytest.param(file, id=f"{file.parent.name}-{file.stem}") for file in files]


@dataclass
class Exchange:
    """One recorded request with its answer."""

    method: str
    url: str
    request: object
    status: int
    headers: dict
    body: bytes

    @property
    def path(self):
        return httpx2.URL(self.url).path

    @property
    def is_stream(self):
        return self.body.startswith((b"event:", b"data:"))

    def json(self):
        """Return the answer as JSON, ``None`` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def events(self):
        """Return the JSON values of the server-sent events, in order, read line by line."""
        values = []
        for line in self.body.decode().splitlines():
            text = line.removeprefix("data:").strip()
            if line.startswith("data:") and text.startswith("{"):
                values.append(json.loads(text))
        return values

    def response(self, http=httpx2):
        """Return the answer for a mock transport: a stream comes in pieces that cut events anywhere.

        Args:
            http: ``httpx2``, or ``httpx`` for older SDKs.
        """
        if not self.is_stream:
            return http.Response(self.status, headers=self.headers, content=self.body)
        starts = range(0, len(self.body), _PIECE_BYTES)
        pieces = [self.body[at : at + _PIECE_BYTES] for at in starts]
        return http.Response(self.status, headers=self.headers, stream=_pieces(http, pieces))


def _pieces(http, pieces):
    class Pieces(http.SyncByteStream, http.AsyncByteStream):
        def __iter__(self):
            yield from pieces

        async def __aiter__(self):
            for piece in pieces:
                yield piece

    return Pieces()


def load_exchanges(path):
    """Return the exchanges of one recording, in order."""
    with path.open() as file:
        recorded = yaml.load(file, Loader=_LOADER)
    return [_exchange(entry) for entry in recorded["interactions"]]


def _exchange(entry):
    request, response = entry["request"], entry["response"]
    body = response["body"].get("string") or ""
    headers = {name.lower(): values[0] for name, values in response["headers"].items()}
    for name in ("content-encoding", "content-length", "transfer-encoding"):
        headers.pop(name, None)
    try:
        sent = json.loads(request["body"]) if request["body"] else None
    except ValueError:
        sent = request["body"]
    return Exchange(
        method=request["method"],
        url=request["uri"],
        request=sent,
        status=response["status"]["code"],
        headers=headers,
        body=body.encode() if isinstance(body, str) else body,
    )
