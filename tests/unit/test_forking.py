"""A fork does not come into the midst of an import of ours."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.children import status_of_child

from agentops import forking
from agentops.forking import importing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_waits_until_a_thread_has_imported():
    started, go_on = threading.Event(), threading.Event()
    done = []

    def work():
        with importing():
            started.set()
            go_on.wait(30)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(30)
    threading.Timer(0.2, go_on.set).start()

    def import_too():
        with importing():
            return bool(done)

    status = status_of_child(import_too)
    thread.join()

    assert 0 == status


def test_a_fork_that_waited_in_vain_leaves_the_next_one_alone(monkeypatch):
    monkeypatch.setattr(forking, "_WAIT_S", 0.01)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        with importing():
            one.submit(forking._before).result(30)
        other.submit(forking._before).result(30)
        one.submit(forking._after).result(30)  # the lock is the other's
        other.submit(forking._after).result(30)

    assert forking._lock.acquire(timeout=1)
    forking._lock.release()
