"""Disks that do not serve, seen from outside: S60 and S82 of the fault catalogue.

Damaged, foreign and future files (S79), shared spools (S80) and the cap (S81): ``tests/unit/telemetry/test_spool.py``.
"""

import shutil

import pytest
from support.collector import Reply

LARGE = "'x' * 20_000"


def once(count):
    return dict.fromkeys(range(count), 1)


def test_s60_s82_a_disk_that_takes_only_some_keeps_the_rest_in_memory(host, calls, collector):
    collector.answer_always(Reply(status=503))
    program = host(f"""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    start(); [call(n, {LARGE}) for n in range(10)]; say("CALLED")
    for _ in range(60):
        if flush(): break
        time.sleep(0.5)
    """)
    program.wait_for("CALLED")
    collector.wait_for_requests(2)
    collector.answer_always(None)
    ended = program.end()

    assert 0 == ended.status
    assert "Traceback" not in ended.err
    assert "in memory" in ended.err
    assert once(10) == calls(10)


@pytest.mark.parametrize("state", ["healthy", "hanging"])
def test_s60_a_read_only_disk_costs_no_call_and_no_time(host, calls, collector, state):
    if state == "hanging":
        collector.answer_always(Reply(hang=True))
    ended = host("start(); [call(n) for n in range(10)]; say('END')", state="/proc").end()

    assert 0 == ended.status
    assert ended.exit_s < 5  # the code gives itself 2 s
    if state == "healthy":
        assert once(10) == calls(10)
    else:
        assert "records were lost" in ended.err  # nowhere to keep them: it is said


def test_what_is_recorded_after_somebody_deleted_the_spool_survives_a_kill(
    host, calls, collector, tmp_path
):
    collector.answer_always(Reply(status=503))
    program = host(
        """
    start(); call(0); time.sleep(1); say("ON DISK")
    while not os.path.exists(DELETED): time.sleep(0.05)
    call(1); time.sleep(1.5); say("AGAIN"); time.sleep(60)
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
