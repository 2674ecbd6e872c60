"""The bridge from ``logging``: opt-in, only inside sessions, correlated, masked, and gone after shutdown."""

import logging

import pytest
from opentelemetry import context as otel_context
from opentelemetry.trace import set_span_in_context

from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

logger = logging.getLogger("shop.orders")


@pytest.fixture
def manager_with():
    made = []

    def make(**settings):
        made.append(TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}], **settings)))
        return made[-1]

    yield make
    for manager in made:
        manager.shutdown()


@pytest.fixture
def session():
    """Attach a session's context and return its ambient session id."""
    context = set_ambient(otel_context.Context(), {"session.id": "s1"})
    token = otel_context.attach(context)
    yield "s1"
    otel_context.detach(token)


def events(manager):
    assert manager.flush(30_000)
    return manager.exporters[0].events


def test_record_inside_a_session_becomes_a_correlated_event(manager_with, session):
    manager = manager_with(logging={"level": "WARNING"})
    span = manager.create_span("work")
    token = otel_context.attach(set_span_in_context(span))
    logger.warning("order %s is late, key sk-proj-%s", 7, "a" * 20)
    otel_context.detach(token)

    (event,) = events(manager)

    assert (event.name, event.severity, event.session_id) == ("log.warning", 13, session)
    assert event.span_id == span.get_span_context().span_id
    assert event.body == "order 7 is late, key ***"
    assert event.attributes["logger.name"] == "shop.orders"
    assert event.event is None


def test_exception_of_a_log_record_is_described(manager_with, session):
    manager = manager_with(logging={"level": "ERROR"})
    try:
        raise KeyError("missing")
    except KeyError:
        logger.exception("failed")

    (event,) = events(manager)

    assert event.severity == 17
    assert event.attributes["exception.type"] == "KeyError"
    assert "test_logbook.py" in event.attributes["exception.stacktrace"]


def test_lower_levels_other_loggers_and_our_own_are_left_alone(manager_with, session):
    manager = manager_with(logging={"level": "WARNING", "loggers": ["shop.*"]})
    logger.info("small talk")
    logging.getLogger("bakery").warning("bread")
    logging.getLogger("agentops").warning("ours")

    assert events(manager) == []


def test_record_outside_of_a_session_is_left_alone(manager_with):
    manager = manager_with(logging={})
    logger.warning("nobody asked")

    assert events(manager) == []


def test_without_the_setting_logging_is_untouched(manager_with):
    before = list(logging.getLogger().handlers)

    manager_with()

    assert logging.getLogger().handlers == before


def test_shutdown_takes_the_handler_off(manager_with):
    before = list(logging.getLogger().handlers)
    manager = manager_with(logging={})

    manager.shutdown()

    assert logging.getLogger().handlers == before


def test_broken_log_call_does_not_reach_the_program(manager_with, session):
    manager = manager_with(logging={})
    for handler in logging.getLogger().handlers:
        if type(handler).__name__ == "LogBridge":
            handler.handle(
                logging.makeLogRecord({"name": "x", "msg": "%d", "args": ("x",), "levelno": 30})
            )

    assert len(events(manager)) == 1
