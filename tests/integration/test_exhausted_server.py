"""A server that runs out of disk, memory or time refuses what it must and goes on."""

import resource
import zlib
from pathlib import Path

import pytest
from support.backend import BackendProcess, otlp_span

OTLP = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def backend(tmp_path):
    with BackendProcess(tmp_path / "data") as backend:
        yield backend


def limit_files(backend, size):
    """What a full disk is to the process: no file grows beyond ``size``."""
    resource.prlimit(backend.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def span(number):
    return otlp_span("a" * 32, f"{number:016x}", session__id="s1")


def test_server_on_a_full_disk_asks_senders_to_wait_answers_readers_and_recovers(backend):
    assert 200 == backend.send(span(1))
    backend.until("/api/v1/status", lambda told: told["span_count"] == 1)
    limit_files(backend, 0)
    for number in range(2, 5):
        status, headers, body = backend.offer(span(number))
        assert (503, True) == (status, 1 <= int(headers["Retry-After"]) <= 5)
        assert "the disk cannot take more" in body["message"]
    assert 200 == backend.get("/api/v1/sessions")[0]
    assert 1 == len(backend.get("/api/v1/sessions/s1/skeleton")[2]["span_id"])
    limit_files(backend, resource.RLIM_INFINITY)

    assert 200 == backend.send(span(9))
    backend.until("/api/v1/status", lambda told: told["span_count"] == 2)


def test_bomb_of_ten_gigabytes_is_refused_in_little_memory(backend):
    packer = zlib.compressobj(9, wbits=31)
    member = packer.compress(bytes(1 << 24)) + packer.flush()
    bomb = member * 640
    assert len(bomb) < 20 << 20
    assert 200 == backend.send(span(1))
    before = peak_bytes(backend)
    status = backend.request("POST", "/v1/traces", {**OTLP, "Content-Encoding": "gzip"}, bomb)[0]

    assert status == 413
    assert peak_bytes(backend) - before < 70 << 20
    assert 200 == backend.send(span(2))


def peak_bytes(backend):
    lines = Path(f"/proc/{backend.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
