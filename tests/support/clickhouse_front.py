"""A ClickHouse server's HTTP interface over the embedded engine, as far as a client library uses it."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$", re.IGNORECASE)
_INSERT = re.compile(r"\s*INSERT\s+INTO\b(?!.*\bSELECT\b)", re.IGNORECASE | re.DOTALL)
# Of the URL, not settings of a statement; readonly cannot be set inside one.
_NOT_SETTINGS = {
    "query",
    "query_id",
    "session_id",
    "wait_end_of_query",
    "enable_http_compression",
    "database",
    "default_format",
    "readonly",
    "client_protocol_version",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self._answer(200, b"Ok.\n")

    def do_POST(self):
        told = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self._body()
        head, _, rows = body.partition(b"\n")
        if "query" not in told and _INSERT.match(head.decode()):
            told["query"], body = head.decode(), rows
        sql = told.get("query") or body.decode()
        params = {key[6:]: value for key, value in told.items() if key.startswith("param_")}
        settings = {
            key: value
            for key, value in told.items()
            if key not in _NOT_SETTINGS and not key.startswith("param_")
        }
        self.server.statements.append(sql)
        try:
            self._answer(200, self._run(sql, body, params, settings, told.get("default_format")))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "0"}
            self._answer(500, str(error).encode(), headers)

    def _run(self, sql, body, params, settings, default_format):
        form = _FORMAT.search(sql)
        name = form[1] if form else default_format or "TabSeparated"
        statement = sql[: form.start()] if form else sql
        tail = ", ".join(f"{key} = '{value}'" for key, value in settings.items())
        if _INSERT.match(sql):
            stream = self.server.handle().send_insert(f"{statement} SETTINGS {tail}", name)
            try:
                stream.append(body)
                stream.finish()
            except RuntimeError:
                stream.cancel()
                raise
            return b""
        if tail and re.match(r"\s*(SELECT|WITH)\b", statement, re.IGNORECASE):
            statement += f" SETTINGS {tail}"
        return bytes(self.server.handle().query(statement, name, params=params).bytes())

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextmanager
def clickhouse_front(handle):
    """Serve the engine that ``handle()`` returns on a free port; yield the server.

    ``server.url`` is for the storage setting, ``server.statements`` holds every statement received.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.handle = handle
    server.statements = []
    server.url = f"clickhouse://default:@127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
