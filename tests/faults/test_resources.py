"""Scarce resources and strange payloads, seen from outside. Numbers are those of the fault catalogue.

Proven elsewhere: no file descriptors (S58) in ``tests/unit/telemetry/test_bounds.py``.
"""

import json

import pytest
from support.collector import Reply
from support.promises import EXIT_S, assert_within


def once(*numbers):
    return dict.fromkeys(numbers, 1)


def received(collector):
    return b"".join(request.data for request in collector.requests)


IN_PROCESS = """
import httpx2, resource
told = b'{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'
answer = lambda _: httpx2.Response(200, content=told, headers={"content-type": "application/json"})
transport = httpx2.Client(transport=httpx2.MockTransport(answer))
client = openai.OpenAI(api_key="x", base_url=f"{MODEL_URL}/v1", http_client=transport)
ask = lambda model, text: client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
peak_mb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
"""


def test_s44_lone_surrogate_costs_nobody_else(host, calls):
    body = "start(); [call(n, 'lone \\\\ud800' if n == 3 else 'x') for n in range(0)]\n" + (
        "CLIENT.chat.completions.create(model='m-0', messages=[{'role': 'user', 'content': 'a'}])\n"
        "try: CLIENT.chat.completions.create(model='m-1', messages=[{'role': 'user', 'content': chr(0xd800)}])\n"
        "except UnicodeEncodeError: pass\n"
        "call(2); flush()"
    )
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    assert {0, 2} <= set(calls())


def test_s45_fifty_megabytes_of_prompt(host, calls):
    body = f"""{IN_PROCESS}
text = "x" * (50 << 20)
start(); ask("m-0", "x"); flush()
ask("m-1", text); flush(); say(peak_mb())
"""
    ours, bare = host(body).end(), host(body, url="").end()

    assert (0, 0) == (ours.status, bare.status)
    assert int(ours.out) - int(bare.out) <= 40  # 13 for the package, the rest for what is cut of it
    assert once(0, 1) == calls(2)


@pytest.mark.parametrize("value", ["nested", "cycle", "repr", "huge int", "nan", "bytes"])
def test_s43_s76_odd_arguments_raise_or_pass_as_without_us(host, value):
    body = f"""
    start()
    class Broken:
        def __repr__(self): raise RuntimeError("no repr")
        def __len__(self): raise RuntimeError("no len")
    deep = []
    for _ in range(10_000): deep = [deep]
    cycle = []; cycle.append(cycle)
    odd = {{"nested": deep, "cycle": cycle, "repr": Broken(), "huge int": 2**70, "nan": float("nan"), "bytes": b"x"}}[{value!r}]
    try:
        answer = CLIENT.chat.completions.create(model="m", messages=[{{"role": "user", "content": odd}}], temperature=1)
        say(type(answer).__name__)
    except BaseException as error:
        say(type(error).__name__ + ": " + str(error)[:200])
    flush()
    """
    ours, bare = host(body).end(), host(body, url="").end()

    assert (bare.status, bare.out, bare.err) == (ours.status, ours.out, ours.err)


def test_s52_thousands_of_spans_with_the_collector_down_stay_bounded(host, collector):
    collector.answer_always(Reply(status=503))
    body = """
    import agentops, resource
    start(); call(0); time.sleep(1)
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = peak()
    @agentops.tool
    def work(text): return text
    for n in range(20_000): work("x" * 1_000)
    say((peak() - before) // 1024); say("END")
    """
    ended = host(body).end(200)

    assert int(ended.out.split()[0]) <= 64


def test_s53_large_prompts_are_bounded_by_bytes_while_the_collector_hangs(host, collector):
    collector.answer_always(Reply(hang=True))
    body = """
    import resource, httpx2
    told = b'{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}'
    answer = lambda _: httpx2.Response(200, content=told, headers={"content-type": "application/json"})
    client = openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    ask = lambda text: client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start(); [ask("x" * 1_000_000) for _ in range(3)]; time.sleep(1); before = peak()
    for n in range(200): ask(str(n % 10) * 1_000_000)
    say((peak() - before) // 1024); say("END")
    """
    ended = host(body).end(120)

    assert 0 == ended.status
    assert int(ended.out.split()[0]) <= 64


def test_s54_spans_at_full_speed_with_a_slow_collector_arrive_or_are_counted(host, collector):
    collector.answer_always(Reply(delay_s=0.2))
    body = """
    import agentops
    start()
    @agentops.tool
    def work(n): return n
    with agentops.session("fast"):
        for n in range(20_000): work(n)
    settle("handled"); flush(5_000); say(sum(agentops.get_client().telemetry.stats().dropped.values()))
    """
    ended = host(body).end(200)
    collector.answer_always(None)
    host("start(); call(0); flush()").end()  # delivers what the first one left on disk

    ids = [
        span.span_id
        for request in collector.accepted
        if request.path.endswith("/traces")
        for group in request.message().resource_spans
        for scope in group.scope_spans
        for span in scope.spans
        if span.name == "execute_tool work"
    ]
    assert 0 == ended.status, ended.err
    # Counted as lost: none where the worker gets half a processor. Both delivered and counted: at most the batch that
    # the receiver took but had no time to answer.
    assert 0 <= len(set(ids)) + int(ended.out) - 20_000 <= 512


def test_s55_without_threads_everything_works(host, calls):
    body = """
    def refuse(self): raise RuntimeError("can't start new thread")
    threading.Thread.start = refuse
    start(); call(0); call(1)
    """
    ended = host(body).end()

    assert (0, "") == (ended.status, ended.err)
    assert once(0, 1) == calls(2)


def test_s56_nothing_waits_for_name_resolution(host):
    body = """
    import socket
    real = socket.getaddrinfo
    def slow(name, *rest, **more):
        if name == "collector.invalid": time.sleep(60)
        return real(name, *rest, **more)
    socket.getaddrinfo = slow
    call(0)  # the vendor's own first-call work
    began = time.monotonic(); start(); call(0); say(time.monotonic() - began)
    say("END")
    """

    def end():
        ended = host(body, url="http://collector.invalid:4318").end()
        assert 0 == ended.status, ended.err
        return {"start_s": float(ended.out.split()[0]), "exit_s": ended.exit_s}

    assert_within(end, start_s=3.0, exit_s=EXIT_S)


@pytest.mark.parametrize("jump_s", [-86_400, 86_400, -3_600])
def test_s57_jumping_clock_makes_no_strange_durations(host, collector, jump_s):
    body = f"""
    start(); real, real_ns = time.time, time.time_ns
    call(0)
    class Jump:
        def __enter__(self): time.time = lambda: real() + {jump_s}; time.time_ns = lambda: real_ns() + {jump_s} * 10**9
        def __exit__(self, *_): time.time, time.time_ns = real, real_ns
    with CLIENT.chat.completions.create(**request(1), stream=True) as stream, Jump():
        list(stream)
    flush()
    """
    assert 0 == host(body).end().status
    spans = [
        span
        for request in collector.accepted
        if request.path.endswith("traces")
        for resource in request.message().resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    durations = [span.end_time_unix_nano - span.start_time_unix_nano for span in spans]
    assert durations
    assert all(0 <= duration < 3_600 * 10**9 for duration in durations)


GARBAGE = {
    "OTEL_BSP_SCHEDULE_DELAY": "soon",
    "OTEL_BSP_MAX_QUEUE_SIZE": "-5",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "x",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "lzma",
    "OTEL_EXPORTER_OTLP_HEADERS": "no equals",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "::::",
    "OTEL_TRACES_SAMPLER": "dice",
    "OTEL_TRACES_SAMPLER_ARG": "lots",
    "OTEL_PROPAGATORS": "pigeon",
    "OTEL_RESOURCE_ATTRIBUTES": "====,,,",
    "OTEL_SDK_DISABLED": "perhaps",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
    "AGENTOPS_TELEMETRY_BATCH_DELAY_MS": "later",
    "AGENTOPS_TELEMETRY_SAMPLING_RATE": "2",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "some",
    "OTEL_PYTHON_TRACER_PROVIDER": "pigeon",
    "OTEL_PYTHON_CONTEXT": "pigeon",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "pigeon",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_s59_garbage_in_the_environment_is_passed_over(host, calls, name):
    ended = host("start(); call(0); flush()", **{name: GARBAGE[name]}).end()

    assert 0 == ended.status, ended.err
    assert once(0) == calls(1)
    assert ended.err.count("\n") <= 1


def test_s60_read_only_state_directory_costs_only_the_spool(host, calls, tmp_path):
    blocked = tmp_path / "state"
    blocked.write_text("a file where the directory would be")
    ended = host("start(); call(0); flush()").end()

    assert 0 == ended.status
    assert once(0) == calls(1)


def test_s62_provider_keys_do_not_leave(host, collector):
    body = """
    start()
    try:
        openai.OpenAI(api_key="x", base_url=MODEL_URL + "/nowhere", max_retries=0).post("/echo", body={"key": "sk-proj-SECRETSECRETSECRETSECRET1234"}, cast_to=dict)
    except openai.APIError as error: say(type(error).__name__)
    call(0, "my key is sk-proj-SECRETSECRETSECRETSECRET1234"); flush()
    """
    ended = host(body).end()

    assert 0 == ended.status, ended.err
    assert b"SECRETSECRET" not in received(collector)
    assert "SECRETSECRET" not in ended.err


@pytest.mark.parametrize(
    "key", ["sk-proj-AbCdEf0123456789AbCdEf0123456789", "key-of-a-gateway-of-ones-own"]
)
def test_s62_a_key_that_the_provider_repeats_in_its_answer_does_not_leave(host, collector, key):
    body = f"""
    import httpx2
    def refuse(request):
        told = "Incorrect API key provided: " + request.headers["authorization"].split()[-1]
        return httpx2.Response(401, json={{"error": {{"message": told, "code": "invalid_api_key"}}}})
    client = openai.OpenAI(api_key={key!r}, http_client=httpx2.Client(transport=httpx2.MockTransport(refuse)))
    start()
    try: client.chat.completions.create(**request(0))
    except openai.AuthenticationError as error: say({key!r} in str(error))
    flush()
    """
    ended = host(body).end()

    assert (0, "True", "") == (ended.status, ended.out.strip(), ended.err)
    assert b"Incorrect API key provided: ***" in received(collector)
    assert key.encode() not in received(collector)


def test_s63_without_content_no_byte_of_the_prompt_leaves(host, collector, calls):
    body = """
    start(content="none")
    call(0, "the prompt is XYZZY")
    try: CLIENT.chat.completions.create(model="m-1", messages="XYZZY is no list")
    except openai.APIError: pass
    import agentops
    @agentops.tool
    def search(text): raise ValueError("XYZZY went wrong")
    try: search("XYZZY")
    except ValueError: pass
    flush()
    """
    assert 0 == host(body).end().status
    assert 0 in calls(1)
    assert b"XYZZY" not in received(collector)


def test_s48_request_bytes_are_the_programs_own(host):
    body = """
    import httpx2, hashlib
    sent = []
    def answer(request):
        sent.append((request.method, str(request.url), sorted((k, v) for k, v in request.headers.items() if k != "host"), request.content))
        return httpx2.Response(200, json={"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []})
    start()
    client = openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    client.chat.completions.create(**request(1)); client.chat.completions.create(**request(1), stream=True).close()
    client.responses.create(model="m", input="x")
    say(hashlib.sha256(repr(sent).encode()).hexdigest())
    """
    assert host(body).end().out == host(body, url="").end().out


def test_two_destinations_one_dead(host, calls, collector):
    body = """
    import agentops
    exporters = [{"type": "otlp", "endpoint": u, "protocol": "http/protobuf"} for u in ("http://127.0.0.1:9", COLLECTOR_URL)]
    agentops.init(telemetry={"exporters": exporters}); call(0); flush(); say(json.dumps(sorted(agentops.get_client().telemetry.stats().destinations)))
    """
    ended = host(body).end()

    assert once(0) == calls(1)
    assert 2 == len(json.loads(ended.out))
