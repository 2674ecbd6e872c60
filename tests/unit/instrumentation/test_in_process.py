"""The context inside one program: tasks, threads, executors, processes, generators; by hand and by itself."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import anyio
import pytest

import agentops
from agentops.testing import recording


def here():
    """Trace and session of where this runs."""
    context = agentops.TraceContext.current()
    return context.trace_id, context.session_id


def of(session):
    return session.trace_id, str(session.id)


def test_an_executor_that_propagates_carries_each_callers_session(recorded):
    with ThreadPoolExecutor(1) as executor:
        assert agentops.propagate(executor) is executor
        agentops.propagate(executor)  # a second time changes nothing
        with agentops.session("one") as one:
            mapped = list(executor.map(lambda _: here(), [0, 1]))
        with agentops.session("two") as two:
            second = executor.submit(here).result()
        outside = executor.submit(here).result()

    assert mapped == [of(one)] * 2
    assert (second, outside) == (of(two), ("", ""))


def test_it_does_so_behind_run_in_executor_and_as_default_executor(recorded):
    async def main():
        loop = asyncio.get_running_loop()
        with agentops.propagate(ThreadPoolExecutor(1)) as executor:
            loop.set_default_executor(executor)
            with agentops.session("one") as session:
                told = await loop.run_in_executor(executor, here)
                assert told == await loop.run_in_executor(None, here) == of(session)

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_carries_the_session(recorded, method):
    context = multiprocessing.get_context(method)
    with agentops.propagate(ProcessPoolExecutor(1, mp_context=context)) as executor:
        with agentops.session("one") as session:
            told = executor.submit(here).result(100)
        assert told == of(session)


def tell(connection):
    connection.send(here())
    connection.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_wrapped_function_carries_it_into_a_process(recorded, method):
    processes = multiprocessing.get_context(method)
    receiver, sender = processes.Pipe(duplex=False)
    with agentops.session("one") as session:
        work = agentops.TraceContext.current().wrap(tell)
        process = processes.Process(target=work, args=(sender,))
        process.start()
        assert receiver.poll(100)
        assert receiver.recv() == of(session)
        process.join()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_and_worker_threads_carry_it_by_themselves(recorded, backend):
    if backend == "trio":
        pytest.importorskip("trio", reason="trio is not installed")
    told = []

    async def work():
        told.append(here())
        told.append(await anyio.to_thread.run_sync(here))

    async def main():
        async with agentops.session("one") as session, anyio.create_task_group() as group:
            group.start_soon(work)
            group.start_soon(work)
        return session

    session = anyio.run(main, backend=backend)

    assert told == [of(session)] * 4


async def numbers(closed):
    async with agentops.session("inside"):
        with agentops.tool("step"), agentops.TraceContext.current().attach():
            try:
                yield 1
                yield 2
            finally:
                closed.set()


def test_a_generator_closed_elsewhere_makes_no_noise(recorded, caplog):
    async def main():
        closed = asyncio.Event()
        generator = numbers(closed)
        await asyncio.create_task(anext(generator))
        await asyncio.create_task(generator.aclose())
        left = numbers(closed)
        await asyncio.create_task(anext(left))
        closed.clear()
        del left
        gc.collect()
        await asyncio.wait_for(closed.wait(), 60)
        return here()

    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        assert asyncio.run(main()) == ("", "")
        sync = contextlib.ExitStack()
        context = agentops.TraceContext.current()
        thread = threading.Thread(target=sync.enter_context, args=(context.attach(),))
        thread.start()
        thread.join()
        sync.close()

    noise = [record for record in caplog.records if record.name.startswith("opentelemetry")]
    assert [record.getMessage() for record in noise] == []
    assert [span.name for span in recorded.spans].count("inside") == 2


@pytest.fixture
def automatic():
    with recording(telemetry={"context": {"threads": True}}) as recorded:
        yield recorded


def test_threads_timers_and_executors_carry_it_by_themselves_where_asked_for(automatic):
    told = {}

    def note(name):
        told[name] = here()

    class Worker(threading.Thread):
        def run(self):
            note("subclass")

    with ThreadPoolExecutor(1) as executor:
        with agentops.session("one") as session:
            threads = [
                threading.Thread(target=note, args=("thread",)),
                threading.Timer(0.001, note, ["timer"]),
                Worker(),
            ]
            for thread in threads:
                thread.start()
            executor.submit(note, "executor").result()
            for thread in threads:
                thread.join()
        executor.submit(note, "executor outside").result()

    outside = told.pop("executor outside")
    assert told == dict.fromkeys(["thread", "timer", "subclass", "executor"], of(session))
    assert outside == ("", "")
    assert not any("run" in vars(thread) for thread in threads)


def test_a_thread_that_could_not_start_starts_later(automatic, monkeypatch):
    ran = threading.Event()
    thread = threading.Thread(target=ran.set)

    def none_left(*_args, **_options):
        raise RuntimeError("can't start new thread")

    with agentops.session("one"):
        with monkeypatch.context() as patch:
            for name in ("_start_new_thread", "_start_joinable_thread"):  # before and from 3.13 on
                patch.setattr(threading, name, none_left, raising=False)
            with pytest.raises(RuntimeError):
                thread.start()
        thread.start()
        thread.join()

    assert ran.is_set()


def test_process_pools_too(automatic):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        with agentops.session("one") as session:
            told = executor.submit(here).result(100)
        assert told == of(session)


def test_shutdown_puts_threads_back():
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    with recording(telemetry={"context": {"threads": True}}):
        assert threading.Thread.start is not start
    assert threading.Thread.start is start
    assert ThreadPoolExecutor.submit is submit


CHILD = """
import agentops
from agentops.testing import recording
with recording(auto_start=True, telemetry={"context": {"environment": %s}}) as recorded:
    with agentops.tool("search"):
        pass
    span = recorded.span("execute_tool search")
print(f"{span.trace_id:032x} {span.parent_span_id:016x} {span.session_id}")
"""


@pytest.mark.parametrize("joins", [True, False])
def test_a_child_process_joins_what_the_environment_names_where_asked_for(recorded, joins):
    with agentops.session("parent") as session:
        environment = agentops.TraceContext.current().inject_environment(dict(os.environ))
    done = subprocess.run(
        [sys.executable, "-c", CHILD % joins],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    span_id = f"{session.span.get_span_context().span_id:016x}"
    expected = f"{session.trace_id} {span_id} {session.id}"
    assert (done.stdout.strip() == expected) is joins


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, threading
import agentops
from agentops.testing import recording

def here():
    context = agentops.TraceContext.current()
    return context.trace_id, context.session_id

def work(name):
    with agentops.session(name) as session:
        gevent.sleep(0.001)
        inner = gevent.spawn(agentops.TraceContext.current().wrap(here))
        inner.join()
        assert inner.value == here() == (session.trace_id, str(session.id)), (inner.value, here())
        return session.trace_id

with recording() as recorded:
    greenlets = [gevent.spawn(work, f"s{n}") for n in range(5)]
    gevent.joinall(greenlets, raise_error=True)
    assert len({each.value for each in greenlets}) == 5
    assert len(recorded.spans) == 5
print("fine")
"""


def test_greenlets_have_a_session_each_and_are_given_one_by_wrap():
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_partials_and_methods_can_be_wrapped(recorded):
    with agentops.session("one") as session:
        context = agentops.TraceContext.current()
        work = context.wrap(partial(lambda first, second: (here(), first, second), 1))
        assert work(second=2) == (of(session), 1, 2)
