"""A real Celery worker on the in-memory broker: a task runs in the trace and session of whoever sent it."""

import logging

import pytest
from support.waiting import eventually

import agentops
from agentops.testing import recording

celery = pytest.importorskip("celery", reason="celery is not installed")

from celery.contrib.testing.worker import start_worker  # noqa: E402

from agentops.celery import instrument_celery  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
CONSUMER, PRODUCER = 5, 4


def here():
    context = agentops.TraceContext.current()
    return [context.trace_id, context.session_id]


def processed(recorded, name):
    """The span of the task's run; the worker ends it after it has handed out the result."""
    found = eventually(lambda: [span for span in recorded.spans if span.name == f"process {name}"])
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def app():
    app = celery.Celery("demo", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)

    @app.task(name="where")
    def where():
        with agentops.tool("search"):
            return here()

    @app.task(name="fail")
    def fail():
        raise ZeroDivisionError

    @app.task(name="again", bind=True, max_retries=1)
    def again(self):
        if self.request.retries == 0:
            raise self.retry(countdown=0)
        return here()

    @app.task(name="both")
    def both():
        where.delay()
        return here()

    level = logging.root.level  # to which Celery gives a level of its own
    with start_worker(app, perform_ping_check=False, pool="solo", shutdown_timeout=30):
        logging.root.setLevel(level)
        yield app
    logging.root.setLevel(level)


@pytest.fixture
def propagation(app):
    propagation = instrument_celery(app)
    yield propagation
    propagation.uninstall()


def test_a_task_runs_in_the_senders_session(app, propagation, recorded):
    with agentops.session("sender") as session:
        told = app.tasks["where"].delay().get(timeout=60)
    process = processed(recorded, "where")
    spans = {span.name: span for span in recorded.spans}

    assert told == [session.trace_id, str(session.id)]
    send = spans["send where"]
    assert (send.kind, process.kind) == (PRODUCER, CONSUMER)
    assert send.parent_span_id == session.span.get_span_context().span_id
    assert process.parent_span_id == send.span_id
    assert spans["execute_tool search"].parent_span_id == process.span_id
    assert {span.session_id for span in spans.values()} == {str(session.id)}
    assert process.attributes["messaging.message.id"] == send.attributes["messaging.message.id"]
    assert process.attributes["messaging.destination.name"] == "celery"


def test_nothing_of_it_stays_with_the_worker(app, propagation, recorded):
    with agentops.session("sender"):
        app.tasks["where"].delay().get(timeout=60)
    first = app.tasks["where"].delay().get(timeout=60)
    second = app.tasks["where"].delay().get(timeout=60)

    assert first[0] != second[0]
    assert first[1] == second[1] == ""


def test_a_failure_fails_the_span_and_reaches_the_sender(app, propagation, recorded):
    with agentops.session("sender"), pytest.raises(ZeroDivisionError):
        app.tasks["fail"].delay().get(timeout=60)
    span = processed(recorded, "fail")

    assert (span.status_code, span.attributes["error.type"]) == (2, "ZeroDivisionError")


def test_retries_and_tasks_of_tasks_stay_in_the_session(app, propagation, recorded):
    with agentops.session("sender") as session:
        again = app.tasks["again"].delay().get(timeout=60)
        both = app.tasks["both"].delay().get(timeout=60)

    assert again == both == [session.trace_id, str(session.id)]


def test_a_sender_may_be_linked_only(app):
    propagation = instrument_celery(app, trust="link")
    try:
        with recording() as recorded:
            with agentops.session("sender") as session:
                told = app.tasks["where"].delay().get(timeout=60)
            span = processed(recorded, "where")
    finally:
        propagation.uninstall()

    assert told[0] != session.trace_id
    assert len(span.links) == 1


def test_without_it_nothing_is_sent_along(app, recorded):
    with agentops.session("sender") as session:
        told = app.tasks["where"].delay().get(timeout=60)

    assert told[0] != session.trace_id
