"""How programs begin, fork and end, seen from outside. Numbers are those of the fault catalogue."""

import signal

import pytest
from support.collector import Reply
from support.promises import EXIT_S, assert_within


def once(*numbers):
    return dict.fromkeys(numbers, 1)


def test_s21_both_sides_of_a_fork_deliver_their_own(host, calls):
    body = """
    start(); call(0)
    child = os.fork()
    # A client of its own on each side: the connection of the first is one socket in two processes.
    mine = openai.OpenAI(api_key="x", base_url=f"{MODEL_URL}/v1", max_retries=0)
    mine.chat.completions.create(**request(1 if child else 2))
    if child: os.waitpid(child, 0)
    flush()
    """
    assert 0 == host(body).end().status
    assert once(0, 1, 2) == calls(3)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_s22_s23_multiprocessing_children_deliver(host, calls, tmp_path, method):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "import openai, agentops\n"
        "def work(model, url, number):\n"
        "    if multiprocessing.get_start_method() == 'spawn': begin(url)\n"
        "    client = openai.OpenAI(api_key='x', base_url=model + '/v1', max_retries=0)\n"
        "    client.chat.completions.create(model=f'm-{number}', messages=[{'role': 'user', 'content': 'x'}])\n"
        "def begin(url):\n"
        "    exporter = {'type': 'otlp', 'endpoint': url, 'protocol': 'http/protobuf'}\n"
        "    agentops.init(telemetry={'exporters': [exporter]})\n"
        "def main(method, model, url):\n"
        "    multiprocessing.set_start_method(method)\n"
        "    begin(url)\n"
        "    children = [multiprocessing.Process(target=work, args=(model, url, n)) for n in range(3)]\n"
        "    [child.start() for child in children]; [child.join() for child in children]\n"
        "    assert [0, 0, 0] == [child.exitcode for child in children]\n"
    )
    body = f"sys.path.insert(0, {str(tmp_path)!r}); import script; script.main({method!r}, MODEL_URL, COLLECTOR_URL)"
    ended = host(body).end()

    assert 0 == ended.status, ended.err
    assert once(0, 1, 2) == calls(3, is_resent=True)


def test_s22_a_child_waits_two_seconds_at_most_for_work_that_takes_long(host, calls):
    body = """
    import multiprocessing
    class Slow:
        def find_spec(self, name, *_):
            while name == "genai_prices": pass  # computes for ever, in the price table's place
    def work(pipe):
        sys.meta_path.insert(0, Slow()); call(0); pipe.send(time.monotonic())
    start(priced_hosts=["127.0.0.1"])
    theirs, ours = multiprocessing.Pipe(); fork = multiprocessing.get_context("fork")
    child = fork.Process(target=work, args=(ours,)); child.start(); worked = theirs.recv(); child.join()
    say(time.monotonic() - worked); os._exit(child.exitcode)
    """

    def run():
        ended = host(body).end()
        assert 0 == ended.status, ended.err
        return {"exit_s": float(ended.out)}

    assert_within(run, exit_s=EXIT_S)
    assert {0} == set(calls(1))


def test_s14_kill_loses_nothing_while_prices_are_not_at_hand(host, calls, collector):
    collector.answer_always(Reply(status=503, headers={"Retry-After": "3600"}))
    body = """
    class Never:
        def find_spec(self, name, *_):
            if name == "genai_prices": threading.Event().wait()
    sys.meta_path.insert(0, Never())
    start(priced_hosts=["127.0.0.1"]); call(0); settle('spooled'); say('READY'); time.sleep(100)
    """
    first = host(body)
    first.wait_for("READY")
    first.process.kill()
    first.process.wait()
    collector.answer_always(Reply())
    host("start(); call(1); flush(); say('END')").end()

    assert once(0, 1) == calls(2)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        (
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
            7,
        ),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -signal.SIGINT),
        ("sys.exit(3)", 3),
        ("os._exit(4)", 4),
        ("raise ValueError('the program failed')", 1),
        ("threading.Thread(target=lambda: time.sleep(60), daemon=True).start()", 0),
    ],
    ids=["SIGTERM", "handler", "SIGINT", "sys.exit", "os._exit", "exception", "daemon thread"],
)
def test_s26_to_s32_every_end_is_the_programs_own_and_loses_nothing(host, calls, how, status):
    body = "start(); [call(n) for n in range(3)]; settle()\n"
    ours = host(body + how).end()
    bare = host(body + how, url="").end()

    assert status == bare.status == ours.status
    assert bare.err == ours.err
    host("start(); call(3); flush()").end()
    assert once(0, 1, 2, 3) == calls(4)


def test_s28_an_interrupt_ends_the_program_as_one_while_the_worker_still_imports(host, calls):
    body = "start(); call(0); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"
    ours, bare = host(body).end(), host(body, url="").end()

    assert -signal.SIGINT == bare.status == ours.status
    assert bare.err == ours.err
    # On a busy machine, what the end left on disk is sent by the next program.
    host("start(); flush()").end()
    assert once(0) == calls(1)


def test_s33_a_call_in_a_later_exit_handler_works(host):
    body = "import atexit; atexit.register(lambda: say(call(1).model)); start(); atexit.register(lambda: say(call(2).model))"
    ended = host(body).end()

    assert (0, "", ["m-2", "m-1"]) == (ended.status, ended.err, ended.out.split())


def test_s34_globals_are_untouched(host):
    body = """
    import builtins, logging, faulthandler
    def state():
        handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return [repr(x) for x in (handlers, sys.excepthook, threading.excepthook, sys.unraisablehook, builtins.print,
            builtins.__import__, sys.stdout, sys.stderr, logging.getLogger().handlers, logging.getLogger().level,
            asyncio.get_event_loop_policy(), os.getcwd(), sorted(os.environ.items()), sys.getrecursionlimit(),
            logging.getLogger("opentelemetry").handlers, logging.getLogger("opentelemetry").level)]
    import warnings; warnings.simplefilter("ignore")
    before, threads, files = state(), threading.active_count(), len(os.listdir("/proc/self/fd"))
    start(); call(0); flush()
    import opentelemetry.trace
    assert before == state()
    assert "Proxy" in type(opentelemetry.trace.get_tracer_provider()).__name__
    say(threading.active_count() - threads); say(len(os.listdir("/proc/self/fd")) - files)
    """
    ended = host(body).end()

    assert 0 == ended.status, ended.err
    threads, files = map(int, ended.out.split())
    assert threads <= 2
    assert files <= 5  # one of them is the openai client's own connection


def test_s35_the_event_loop_is_never_blocked(host, collector):
    collector.answer_always(Reply(hang=True))
    body = """
    async def main():
        start()
        lags, computed = [], []
        async def watch():
            while True:
                began, began_cpu = time.perf_counter(), time.thread_time()
                await asyncio.sleep(0.005)
                lags.append(time.perf_counter() - began - 0.005); computed.append(time.thread_time() - began_cpu)
        watching = asyncio.create_task(watch())
        await ASYNC_CLIENT.chat.completions.create(**request(0))  # the vendor's own first-call work
        lags.clear(); computed.clear()
        for n in range(30):
            await ASYNC_CLIENT.chat.completions.create(**request(n)); await asyncio.sleep(0.03)
        watching.cancel(); say(sorted(lags)[-5]); say(sorted(computed)[-5])
    asyncio.run(main())
    """

    def run():
        ended = host(body).end()
        assert 0 == ended.status, ended.err
        waited_s, computed_s = map(float, ended.out.split())
        return {"waited_s": waited_s, "computed_s": computed_s}

    assert_within(run, waited_s=0.5, computed_s=0.05)


def test_s41_s42_threads_and_tasks_lose_and_cross_nothing(host, calls):
    body = """
    start()
    threads = [threading.Thread(target=lambda k=k: [call(100 * k + n) for n in range(20)]) for k in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
    async def main():
        await asyncio.gather(*[ASYNC_CLIENT.chat.completions.create(**request(1000 + n)) for n in range(50)])
    asyncio.run(main()); flush()
    """
    assert 0 == host(body).end().status
    expected = [100 * k + n for k in range(8) for n in range(20)] + [1000 + n for n in range(50)]
    assert once(*expected) == calls(len(expected))


def test_s50_s51_setup_twice_is_once_and_teardown_restores(host, calls):
    body = """
    from openai.resources.chat.completions import Completions
    import agentops
    originals = [(c, dict(vars(c))) for c in (openai.OpenAI, openai.AsyncOpenAI, openai._base_client.SyncAPIClient, Completions)]
    start(); start(); call(0); flush()
    agentops.shutdown()
    assert all(vars(c)[k] is v for c, before in originals for k, v in before.items() if callable(v)), "not restored"
    call(1)
    start(); call(2); flush()
    """
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    assert once(0, 2) == calls(2)
