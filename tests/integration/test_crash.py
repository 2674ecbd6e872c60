"""Nothing that was acknowledged is lost, nothing is stored twice, wherever the process is killed."""

import http.client
import os
import random
import threading
import time

import pytest
from support.backend import BackendProcess, otlp_span
from support.waiting import eventually

ROUNDS = 6


class Sender(threading.Thread):
    """Sends batches of spans of one session until told to stop or the server is gone."""

    def __init__(self, backend, session, acknowledged, attempted):
        super().__init__()
        self.backend, self.session = backend, session
        self.acknowledged, self.attempted = acknowledged, attempted
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            trace = os.urandom(16).hex()
            spans = [
                otlp_span(trace, os.urandom(8).hex(), session__id=self.session) for _ in range(20)
            ]
            self.attempted.update(span["spanId"] for span in spans)
            try:
                status = self.backend.send(*spans)
            except (OSError, http.client.HTTPException):
                return
            if status == 200:
                self.acknowledged.append(spans)


@pytest.mark.timeout(240)
def test_killed_server_keeps_every_acknowledged_span_exactly_once(tmp_path):
    dice = random.Random(7)
    acknowledged = {f"session-{number}": [] for number in range(3)}
    attempted = {session: set() for session in acknowledged}
    for _ in range(ROUNDS):
        backend = BackendProcess(tmp_path / "data")
        for batches in acknowledged.values():  # a sender that did not see the answer
            if batches:
                assert backend.send(*batches[-1]) == 200
        senders = [Sender(backend, s, acknowledged[s], attempted[s]) for s in acknowledged]
        before = {session: len(batches) for session, batches in acknowledged.items()}
        for sender in senders:
            sender.start()
        for session, count in before.items():
            eventually(lambda s=session, c=count: len(acknowledged[s]) >= c + 2)
        time.sleep(dice.uniform(0, 0.7))  # the moment of the kill is what is random here
        backend.kill()
        for sender in senders:
            sender.stopped.set()
            sender.join()

    with BackendProcess(tmp_path / "data") as backend:
        for session, batches in acknowledged.items():
            promised = {span["spanId"] for batch in batches for span in batch}
            path = f"/api/v1/sessions/{session}"
            backend.until(f"{path}/skeleton", lambda b: promised <= set(b["span_id"]))  # noqa: B023
            stored = backend.get(f"{path}/skeleton")[2]["span_id"]

            assert len(promised) > 100
            assert len(stored) == len(set(stored))
            assert set(stored) <= attempted[session]
            assert len(stored) == backend.get(path)[2]["summary"]["span_count"]


def test_terminated_server_stores_what_it_acknowledged_and_exits_cleanly(tmp_path):
    acknowledged, attempted = [], set()
    backend = BackendProcess(tmp_path / "data")
    sender = Sender(backend, "session-x", acknowledged, attempted)
    sender.start()
    backend.until("/api/v1/sessions", lambda body: body["total"] == 1)
    status = backend.stop()
    sender.stopped.set()
    sender.join()

    assert status == 0
    assert [] == list((tmp_path / "data" / "wal").glob("*.wal"))
    assert not (tmp_path / "data" / "server.json").exists()
    with BackendProcess(tmp_path / "data") as again:
        count = again.get("/api/v1/sessions")[2]["sessions"][0]["span_count"]
        assert sum(map(len, acknowledged)) <= count <= len(attempted)


def test_damaged_log_is_put_aside_and_the_server_starts(tmp_path):
    wal = tmp_path / "data" / "wal"
    wal.mkdir(parents=True, mode=0o700)
    (wal / "00000000000000000001.wal").write_bytes(b"this is no segment at all, not even close")

    with BackendProcess(tmp_path / "data") as backend:
        backend.send(otlp_span("1" * 32, "1" * 16))
        backend.until("/api/v1/sessions", lambda body: body["total"] == 1)
    assert (wal / "00000000000000000001.damaged").exists()


def test_second_server_on_a_data_directory_is_refused_in_words(tmp_path):
    with (
        BackendProcess(tmp_path / "data") as first,
        pytest.raises(RuntimeError, match="is in use by the server at") as refused,
    ):
        BackendProcess(tmp_path / "data")
    assert first.url in str(refused.value)


def test_taken_port_is_refused_in_words(tmp_path):
    with BackendProcess(tmp_path / "data") as first:
        port = int(first.url.rsplit(":", 1)[1])

        with pytest.raises(RuntimeError, match=f"port {port} of 127.0.0.1 cannot be opened"):
            BackendProcess(tmp_path / "other", port=port)
