import http.client
import os
import urllib.parse

import pytest
from starlette.responses import Response

from agentops.errors import StorageError
from agentops.server.api.endpoints import ENDPOINTS, PREFIX
from agentops.server.api.security import load_token

PATHS = [PREFIX + e.path.format(session_id="s", trace_id="t", span_id="s") for e in ENDPOINTS]
PATHS += [
    "/",
    "/sessions",
    "/assets/x.js",
    "/v1/traces",
    "/v1/logs",
    "/v2/create_session",
    "/v4/traces",
]


def send(backend, method, path, headers, body=None, url=None):
    """One request with exactly these headers, Host included; return status, headers and body."""
    netloc = urllib.parse.urlsplit(url or backend.url).netloc
    connection = http.client.HTTPConnection(netloc, timeout=60)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": netloc, **headers}.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = b"" if answer.headers.get_content_type() == "text/event-stream" else answer.read()
    connection.close()
    return answer.status, answer.headers, content


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:4320", "", "localhost@evil.example", "[::2]:1"]
)
def test_foreign_host_is_refused_everywhere(backend, path, host):
    headers = {"Host": host, "Authorization": f"Bearer {backend.token}"}

    assert 421 == send(backend, "GET", path, headers)[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_page_of_another_site_is_refused_everywhere(backend, path, headers):
    for method, body in (("GET", None), ("POST", b"{}")):
        given = {"Content-Type": "application/json", **headers}

        assert 403 == send(backend, method, path, given, body)[0]


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "[::1]:4320", "agents.example"])
def test_own_host_names_are_known(backend, host):
    assert 200 == send(backend, "GET", "/api/v1/openapi.json", {"Host": host})[0]


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.scope == "read"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
        {"Cookie": "agentops_token=x"},
        {"Authorization": "Bearer"},
    ],
)
def test_reading_needs_the_token_everywhere(backend, endpoint, headers):
    path = PREFIX + endpoint.path.format(session_id="s", trace_id="t", span_id="s")
    status, given, body = send(backend, "GET", path, headers)

    assert (401, "Bearer") == (status, given["WWW-Authenticate"])
    assert b"token" in body


def test_only_declared_endpoints_are_public():
    assert ["/openapi.json"] == [e.path for e in ENDPOINTS if e.scope == "public"]


def test_token_in_the_address_becomes_a_cookie_and_leaves_the_address(backend):
    path = f"/s/abc?v=flow&token={backend.token}&span=1"
    status, headers, _ = send(backend, "GET", path, {})
    cookie = headers["Set-Cookie"]

    assert (303, "/s/abc?v=flow&span=1") == (status, headers["Location"])
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert backend.token not in cookie
    pair = cookie.split(";")[0]
    assert 200 == send(backend, "GET", "/api/v1/status", {"Cookie": f"other=1; {pair}"})[0]
    assert 401 == send(backend, "GET", "/api/v1/status", {"Cookie": pair[:-1]})[0]


def test_wrong_token_sets_no_cookie_and_address_stays_on_this_server(backend):
    status, headers, _ = send(backend, "GET", "//evil.example/?token=wrong", {})

    assert (303, None, "/evil.example/") == (status, headers["Set-Cookie"], headers["Location"])


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/openapi.json", "/assets/none.js"])
def test_every_answer_carries_the_headers_that_bind_the_browser(backend, path):
    headers = send(backend, "GET", path, {})[1]
    policy = headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert ("nosniff", "no-referrer", "same-origin") == (
        headers["X-Content-Type-Options"],
        headers["Referrer-Policy"],
        headers["Cross-Origin-Resource-Policy"],
    )
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["Server"] is None


def test_headers_beyond_the_limit_are_refused(backend):
    assert 431 == send(backend, "GET", "/", {"X-Long": "a" * 20_000})[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_reading_routes_take_no_other_method(backend, method):
    headers = {"Authorization": f"Bearer {backend.token}"}

    assert 405 == send(backend, method, "/api/v1/sessions", headers, b"{}")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/assets/../../app.py",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/assets/..%2f..%2fapp.py",
        "/%5c..%5capp.py",
        "/assets/x;/../app.py",
        "/app.py%00.js",
    ],
)
def test_no_path_reaches_a_file(backend, path):
    status, _, body = send(backend, "GET", path, {})

    assert status in (200, 404)
    assert b"composition root" not in body
    assert b"root:" not in body


def test_otlp_port_serves_nothing_else(backend):
    url = backend.told.otlp_http
    token = {"Authorization": f"Bearer {backend.token}"}
    json = {"Content-Type": "application/json"}

    assert 404 == send(backend, "GET", "/api/v1/sessions", token, url=url)[0]
    assert 404 == send(backend, "GET", f"/?token={backend.token}", {}, url=url)[0]
    assert 200 == send(backend, "POST", "/v1/traces", json, b'{"resourceSpans":[]}', url=url)[0]


def test_token_file_is_private_and_kept(tmp_path):
    path = tmp_path / "token"
    token = load_token(path)

    assert 0o600 == path.stat().st_mode & 0o777
    assert token == load_token(path)
    assert len(token) >= 43


def test_token_file_that_is_a_link_is_not_trusted(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("x" * 50)
    os.symlink(target, tmp_path / "token")

    with pytest.raises(StorageError, match="not a file of this user"):
        load_token(tmp_path / "token")


def test_route_without_a_scope_cannot_be_made():
    from agentops.server.api.security import ScopedRoute

    with pytest.raises(TypeError):
        ScopedRoute("/x", Response("x"))
