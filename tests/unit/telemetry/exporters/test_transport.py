"""Where bytes go and where they do not: certificates, proxies, deadlines."""

import errno
import socket
import ssl
import subprocess
import threading

import pytest
from support.collector import Collector, Reply, free_port
from support.promises import assert_within, seconds

from agentops.errors import ConfigurationError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters.transport import HttpTransport, TransportError, is_loopback

SECRET = {"Authorization": "Bearer s3cr3t"}


def make_certificate(folder, name, days=1):
    """Make a self-signed certificate with openssl; return its paths."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", certificate, "-days", str(days)),
            *("-addext", f"subjectAltName={name}"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "right": make_certificate(folder, "IP:127.0.0.1"),
        "wrong host": make_certificate(folder, "DNS:elsewhere.example"),
    }


def tls_collector(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, files))
    return Collector(tls=context)


def post(url, config=None, timeout_s=5.0):
    transport = HttpTransport(url, config)
    try:
        return transport.post("/v1/traces", b"body", SECRET, timeout_s)
    finally:
        transport.close()


def test_a_certificate_that_is_vouched_for_is_accepted(certificates):
    with tls_collector(certificates["right"]) as collector:
        bundle = str(certificates["right"][0])
        config = ExporterConfig(type="otlp", endpoint=collector.url, certificate_file=bundle)

        assert 200 == post(collector.url, config).status
        assert b"body" == collector.requests[0].body


@pytest.mark.parametrize("fault", ["unknown issuer", "wrong host"])
def test_nothing_is_sent_over_a_connection_that_cannot_be_trusted(fault, certificates):
    files = certificates["right" if fault == "unknown issuer" else fault]
    with tls_collector(files) as collector:
        config = None
        if fault == "wrong host":
            bundle = str(files[0])
            config = ExporterConfig(type="otlp", endpoint=collector.url, certificate_file=bundle)

        with pytest.raises(TransportError) as caught:
            post(collector.url, config)
        assert "tls" == caught.value.reason
        assert [] == collector.requests


class Proxy:
    """Notes what it is told before a tunnel stands, and makes none."""

    def __enter__(self):
        self.seen = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.seen += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_a_proxy_sees_no_credentials(monkeypatch):
    with Proxy() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)

        with pytest.raises(TransportError):
            post("https://collector.example")
        assert proxy.seen.startswith(b"CONNECT collector.example:443")
        assert b"s3cr3t" not in proxy.seen
        assert b"body" not in proxy.seen


def test_plain_text_and_loopback_go_round_the_proxy(monkeypatch):
    with Proxy() as proxy, Collector() as collector:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("all_proxy", proxy.url)

        assert 200 == post(collector.url).status
        assert b"" == proxy.seen


@pytest.mark.parametrize("proxy", ["not a url", "http://127.0.0.1:1", "socks5://127.0.0.1:1", "//"])
def test_a_broken_proxy_is_a_failure_and_no_error(proxy, monkeypatch):
    monkeypatch.setenv("https_proxy", proxy)

    with pytest.raises(TransportError):
        post("https://collector.example", timeout_s=2)


def post_in_vain(url):
    """Make an attempt of half a second."""
    transport = HttpTransport(url)
    with pytest.raises(TransportError) as caught:
        transport.post("/", b"x" * 20_000_000, {}, 0.5)
    transport.close()
    assert "timeout" == caught.value.reason


def test_a_peer_that_vanishes_ends_at_the_deadline():
    # A listener that never accepts: the kernel completes the handshake, nobody reads.
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert_within(lambda: {"took_s": seconds(post_in_vain, url)}, took_s=0.5 + 0.5)


@pytest.mark.parametrize("rate", [1, 5])
def test_a_head_that_drips_ends_at_the_deadline(rate):
    with Collector() as collector:
        collector.answer_always(Reply(bytes_per_s=rate, is_accepted=False))

        assert_within(lambda: {"took_s": seconds(post_in_vain, collector.url)}, took_s=0.5 + 0.5)


def test_nobody_there_is_told_apart():
    with pytest.raises(TransportError) as caught:
        post(f"http://127.0.0.1:{free_port()}")
    assert caught.value.is_unreachable

    with pytest.raises(TransportError) as caught:
        post("http://nobody.invalid", timeout_s=30)
    assert caught.value.is_unreachable


def test_no_descriptor_left_is_no_timeout(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)
    with pytest.raises(TransportError) as caught:
        post("http://127.0.0.1:9")
    assert ("no connection", False) == (caught.value.reason, caught.value.is_unreachable)


def test_one_connection_serves_many_requests():
    with Collector() as collector:
        transport = HttpTransport(collector.url)
        for _ in range(5):
            transport.post("/v1/traces", b"", {}, 5)
        transport.close()

        assert 1 == collector.connections_count


@pytest.mark.parametrize("endpoint", ["", "collector", "ftp://a", "http://", "https:///v1"])
def test_endpoints_that_are_none_are_refused_at_once(endpoint):
    with pytest.raises(ConfigurationError):
        HttpTransport(endpoint)


def test_names_of_this_machine():
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"]))
    assert not any(map(is_loopback, ["localhost.example", "127.evil.example", "10.0.0.1", ""]))
