"""Disks that do not serve, seen from outside: S60 and S82 of the fault catalogue.

Damaged, foreign and future files (S79), shared spools (S80) and the cap (S81): ``tests/unit/telemetry/test_spool.py``.
"""

import shutil

import pytest
from support.collector import Reply
from support.promises import EXIT_S, assert_within

LARGE = "'x' * 20_000"


def once(count):
    return dict.fromkeys(range(count), 1)


def test_s60_s82_a_disk_that_takes_only_some_keeps_the_rest_in_memory(host, calls, collector):
    collector.answer_always(Reply(status=503))
    program = host(f"""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    start(batch={{"delay_ms": 20}})
    for n in range(10): call(n, {LARGE}); settle("handled")  # so that each is a batch, and two find room
    import agentops
    [to] = agentops.get_client().telemetry.stats().destinations.values()
    say([to.spooled > 0, to.pending > to.spooled]); say("CALLED")
    for _ in range(60):
        if flush(): break
        time.sleep(0.5)
    """)
    program.wait_for("CALLED")
    assert collector.wait_for_requests(2)
    collector.answer_always(None)
    ended = program.end()

    assert 0 == ended.status
    assert "Traceback" not in ended.err
    assert "[True, True]" == ended.out.splitlines()[0]
    assert once(10) == calls(10)


@pytest.mark.parametrize("state", ["healthy", "hanging"])
def test_s60_a_read_only_disk_costs_no_call_and_no_time(host, calls, collector, state):
    if state == "hanging":
        collector.answer_always(Reply(hang=True))
    waits = "settle()" if state == "healthy" else "settle('handled')"
    body = f"start(); [call(n) for n in range(10)]; {waits}; say('END')"

    def end():
        collector.requests.clear()
        ended = host(body, state="/proc", ATTEMPT_MS="60000").end()
        assert 0 == ended.status
        if state == "healthy":
            assert once(10) == calls(10)
        else:
            assert "records may be lost" in ended.err  # nowhere to keep them: it is said
        return {"exit_s": ended.exit_s}

    assert_within(end, exit_s=EXIT_S)


def test_what_is_recorded_after_somebody_deleted_the_spool_survives_a_kill(
    host, calls, collector, tmp_path
):
    collector.answer_always(Reply(status=503, headers={"Retry-After": "3600"}))
    program = host(
        """
    start(); call(0); settle("spooled"); say("ON DISK")
    while not os.path.exists(DELETED): time.sleep(0.05)
    call(1); settle("spooled"); say("AGAIN"); time.sleep(100)
    """.replace("DELETED", repr(str(tmp_path / "deleted")))
    )
    program.wait_for("ON DISK")
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "deleted").touch()
    program.wait_for("AGAIN")
    program.process.kill()
    program.process.wait()
    collector.answer_always(None)
    host("start(); flush()").end()

    assert 1 == calls(1)[1]
