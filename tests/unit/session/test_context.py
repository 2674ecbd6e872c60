"""The session rides in the OpenTelemetry context, and leaving one never makes noise."""

import asyncio
import contextvars
import logging
import threading

from opentelemetry import context as otel

import agentops
from agentops.session.context import attach, context_session, detach


def test_a_wrapped_function_takes_the_session_into_a_thread(recorded):
    found = []
    with agentops.session("one"), agentops.session("two") as session:
        work = agentops.TraceContext.current().wrap(
            lambda: found.append(agentops.current_session())
        )
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert found == [session]


def test_to_thread_and_tasks_carry_the_session(recorded):
    async def main():
        with agentops.session("one"), agentops.session("two") as session:
            return session, await asyncio.to_thread(agentops.current_session)

    session, found = asyncio.run(main())

    assert found is session


def test_detaching_in_another_context_is_quiet_and_changes_nothing(caplog):
    key = otel.create_key("k")
    token = contextvars.copy_context().run(attach, otel.set_value(key, 1))
    before = otel.get_current()
    with caplog.at_level(logging.DEBUG):
        detach(token)

    assert caplog.records == []
    assert otel.get_current() == before


def test_without_a_session_there_is_none():
    assert context_session() is None
