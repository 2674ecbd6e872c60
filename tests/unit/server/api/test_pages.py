import asyncio
import gzip

import pytest

from agentops.server.api.pages import Pages


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>start</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-abc123.js").write_text("console.log(1)" * 100)
    (tmp_path / "assets" / "index-abc123.js.map").write_text("{}")
    (tmp_path / "assets" / "font.woff2").write_bytes(b"\0\1")
    return tmp_path


def get(pages, path, headers=()):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        raise AssertionError("nothing to read")

    scope = {"type": "http", "method": "GET", "path": path, "headers": list(headers)}
    asyncio.run(pages(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def test_hashed_files_may_be_kept_for_ever(directory):
    status, headers, body = get(Pages(directory), "/assets/index-abc123.js")

    assert (200, b"text/javascript; charset=utf-8") == (status, headers[b"content-type"])
    assert b"immutable" in headers[b"cache-control"]
    assert body == b"console.log(1)" * 100


@pytest.mark.parametrize("path", ["/", "/sessions", "/s/abc", "/welcome", "/any/thing.else"])
def test_every_other_path_is_the_start_page_asked_for_each_time(directory, path):
    status, headers, body = get(Pages(directory), path)

    assert (200, b"no-cache", True) == (status, headers[b"cache-control"], b"start" in body)


@pytest.mark.parametrize("path", ["/assets/none.js", "/api/v1/nothing", "/v1/nothing", "/v2/x"])
def test_missing_asset_or_endpoint_is_not_the_start_page(directory, path):
    assert 404 == get(Pages(directory), path)[0]


def test_text_is_compressed_for_who_takes_it(directory):
    wish = [(b"accept-encoding", b"gzip, br")]
    _, headers, body = get(Pages(directory), "/assets/index-abc123.js", wish)
    plain = get(Pages(directory), "/assets/font.woff2", wish)

    assert b"gzip" == headers[b"content-encoding"]
    assert b"console.log(1)" * 100 == gzip.decompress(body)
    assert b"content-encoding" not in plain[1]


def test_source_maps_are_not_served(directory):
    assert 404 == get(Pages(directory), "/assets/index-abc123.js.map")[0]


def test_without_a_build_a_notice_says_how_to_make_one(tmp_path):
    status, _, body = get(Pages(tmp_path / "nothing"), "/sessions")

    assert 200 == status
    assert b"make agentops/server/static/index.html" in body


@pytest.mark.parametrize("path", ["/sessions", "/assets/index-abc123.js"])
def test_what_a_browser_has_already_is_not_sent_again(directory, path):
    pages = Pages(directory)
    etag = get(pages, path)[1][b"etag"]
    status, headers, body = get(pages, path, [(b"if-none-match", b'"other", ' + etag)])

    assert (304, b"", etag) == (status, body, headers[b"etag"])
    assert 200 == get(pages, path, [(b"if-none-match", b'W/"other"')])[0]
