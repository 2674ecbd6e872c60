"""Which files make the web UI? A manifest read once at start; nothing is ever looked up on disk by name."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

__all__ = ["Pages"]

_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED: Final = ("text/", "image/svg", "application/json", "application/manifest")
_NO_PAGES: Final = ("/assets/", "/api/", "/v1/", "/v2/", "/v3/", "/v4/")
_NOTICE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AgentOps</title></head>
<body><h1>The web UI is not built</h1>
<p>The server runs and takes telemetry. To see it here, run <code>make agentops/server/static/index.html</code>
in the checkout, then restart the server. A wheel from the package index contains the UI.</p>
<p>REST API: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a></p></body></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    compressed: bytes | None
    content_type: str
    etag: str
    is_immutable: bool


class Pages:
    """ASGI application that answers every path outside the API with the UI.

    Files with a hash in their name (everything under ``assets/``) may be kept for ever by browsers;
    every other path is the start page, which must be asked for each time.
    """

    def __init__(self, directory: Path | None = None) -> None:
        root = directory or Path(__file__).parent.parent / "static"
        self._files = dict(_read(root, "")) if root.is_dir() else {}
        self._start = self._files.get("/index.html") or _file("index.html", _NOTICE.encode(), "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope["path"], dict(scope["headers"]))(scope, receive, send)

    def _answer(self, path: str, asked: dict[bytes, bytes]) -> Response:
        file = self._files.get(path)
        if file is None:
            if path.startswith(_NO_PAGES):
                return Response("not found", 404, media_type="text/plain")
            file = self._start
        forever = "public, max-age=31536000, immutable"
        headers = {
            "cache-control": forever if file.is_immutable else "no-cache",
            "etag": file.etag,
            "vary": "accept-encoding",
        }
        if file.etag.encode() in asked.get(b"if-none-match", b""):
            return Response(None, 304, headers)
        headers["content-type"] = file.content_type
        if file.compressed is not None and b"gzip" in asked.get(b"accept-encoding", b""):
            return Response(file.compressed, 200, {**headers, "content-encoding": "gzip"})
        return Response(file.content, 200, headers)


def _read(directory: Path, prefix: str) -> list[tuple[str, _File]]:
    found = []
    for entry in directory.iterdir():
        path = f"{prefix}/{entry.name}"
        if entry.is_dir():
            found += _read(entry, path)
        elif not entry.name.endswith(".map"):
            found.append((path, _file(entry.name, entry.read_bytes(), path)))
    return found


def _file(name: str, content: bytes, path: str) -> _File:
    suffix = name[name.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    compressed = gzip.compress(content, 6, mtime=0) if kind.startswith(_COMPRESSED) else None
    # Weak, because the compressed form has the same.
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _File(content, compressed, kind, etag, path.startswith("/assets/"))
