"""Generators keep their protocol, and their context is current only while their own code runs."""

import asyncio
import gc

import pytest
from opentelemetry import trace

import agentops


def generator(n):
    got = None
    for number in range(n):
        got = yield number
    return got


async def async_generator(n):
    for number in range(n):
        yield number


class TestGenerators:
    def test_context_is_current_only_inside_a_step(self, recorded):
        seen = []

        @agentops.task
        def numbers():
            for number in range(2):
                seen.append(trace.get_current_span().get_span_context().span_id)
                yield number

        for _ in numbers():
            assert not trace.get_current_span().get_span_context().is_valid

        assert set(seen) == {recorded.span("numbers").span_id}

    def test_a_block_inside_survives_the_yield(self, recorded):
        @agentops.agent
        def work():
            with agentops.task("inside"):
                yield 1
                with agentops.tool("deep"):
                    yield 2
            yield 3

        with agentops.session("s"):
            steps = work()
            for number in steps:
                with agentops.tool(f"outside {number}"):
                    pass

        parents = {span.span_id: span.name for span in recorded.spans}
        tree = {span.name: parents.get(span.parent_span_id) for span in recorded.spans}
        assert tree == {
            "s": None,
            "invoke_agent work": "s",
            "inside": "invoke_agent work",
            "execute_tool deep": "inside",
            "execute_tool outside 1": "s",
            "execute_tool outside 2": "s",
            "execute_tool outside 3": "s",
        }

    def test_send_throw_and_return_work(self, recorded):
        @agentops.task
        def talk():
            got = yield "ready"
            try:
                yield got * 2
            except KeyError as error:
                yield f"caught {error.args[0]}"
            return "done"

        steps = talk()
        assert next(steps) == "ready"
        assert steps.send(4) == 8
        assert steps.throw(KeyError("k")) == "caught k"
        with pytest.raises(StopIteration) as stopped:
            next(steps)

        assert stopped.value.value == "done"
        span = recorded.span("talk")
        assert span.status_code == 0
        assert "caught k" in str(span.attributes["agentops.output"])

    def test_closing_early_ends_the_span_without_error(self, recorded):
        cleaned = []

        @agentops.task
        def numbers():
            try:
                yield 1
                yield 2
            finally:
                cleaned.append(True)

        steps = numbers()
        next(steps)
        steps.close()

        assert cleaned == [True]
        assert recorded.span("numbers").status_code == 0

    def test_dropping_it_ends_the_span(self, recorded):
        steps = agentops.task(generator)(3)
        next(steps)
        del steps
        gc.collect()

        assert recorded.span("generator").attributes["agentops.output"] in ("[0]", [0])

    def test_an_error_inside_is_noted(self, recorded):
        error = ValueError("boom")

        @agentops.task
        def numbers():
            yield 1
            raise error

        with pytest.raises(ValueError, match="boom") as caught:
            list(numbers())

        assert caught.value is error
        assert recorded.span("numbers").attributes["error.type"] == "ValueError"

    def test_ignoring_close_is_the_error_it_always_was(self, recorded):
        @agentops.task
        def stubborn():
            while True:
                try:
                    yield 1
                except GeneratorExit:
                    yield 2
                    return

        steps = stubborn()
        next(steps)
        with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
            steps.close()

    def test_long_output_is_bounded(self, recorded):
        list(agentops.task(generator)(10_000))

        assert "and 9744 more" in str(recorded.span("generator").attributes["agentops.output"])


class TestAsyncGenerators:
    def test_it_steps_inside_its_span(self, recorded):
        seen = []

        @agentops.task
        async def numbers():
            for number in range(2):
                await asyncio.sleep(0)
                seen.append(trace.get_current_span().get_span_context().span_id)
                yield number

        async def main():
            async for _ in numbers():
                assert not trace.get_current_span().get_span_context().is_valid

        asyncio.run(main())

        assert set(seen) == {recorded.span("numbers").span_id}

    def test_asend_athrow_and_aclose_work(self, recorded):
        cleaned = []

        @agentops.task
        async def talk():
            try:
                got = yield "ready"
                try:
                    yield got * 2
                except KeyError as error:
                    yield f"caught {error.args[0]}"
            finally:
                await asyncio.sleep(0)
                cleaned.append(True)

        async def main():
            steps = talk()
            assert await steps.asend(None) == "ready"
            assert await steps.asend(4) == 8
            assert await steps.athrow(KeyError("k")) == "caught k"
            await steps.aclose()

        asyncio.run(main())

        assert cleaned == [True]
        assert recorded.span("talk").status_code == 0

    def test_an_abandoned_one_is_ended_by_the_loop(self, recorded):
        async def main():
            steps = agentops.task(async_generator)(3)
            await steps.__anext__()
            del steps
            gc.collect()
            await asyncio.sleep(0)  # the loop closes it in a task of its own

        asyncio.run(main())

        assert recorded.span("async_generator").status_code == 0

    def test_an_error_inside_is_noted(self, recorded):
        @agentops.task
        async def numbers():
            yield 1
            raise ValueError("boom")

        async def main():
            with pytest.raises(ValueError, match="boom"):
                _ = [item async for item in numbers()]

        asyncio.run(main())

        assert recorded.span("numbers").attributes["error.type"] == "ValueError"
