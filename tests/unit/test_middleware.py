"""What a WSGI server sees of an application in the middleware."""

import pytest

import agentops
from agentops.middleware import WSGIMiddleware


def served(body):
    """Return the body that a server gets from an application that answers with this one."""
    app = WSGIMiddleware(lambda environ, start_response: body)
    return app({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)


@pytest.mark.parametrize("body", [[b"one"], (b"one", b"two"), [], iter([b"one"])])
def test_a_body_has_a_length_where_the_application_s_has_one(body):
    has_length = hasattr(body, "__len__")
    wrapped = served(body)

    # Some servers ask for the length as soon as there is such a method.
    assert hasattr(wrapped, "__len__") is has_length
    assert not has_length or len(wrapped) == len(body)
    wrapped.close()


def test_what_a_body_makes_current_stays_so_from_part_to_part(recorded):
    def here():
        return agentops.TraceContext.current().session_id

    def parts():
        with agentops.session("inside") as session:
            for _ in range(2):
                yield here() == str(session.id)

    body = served(parts())
    told = [(is_inside, here()) for is_inside in body]
    body.close()

    assert told == [(True, ""), (True, "")]
