"""What the command line says of a backend that does not answer as wished."""

import pytest
from support.collector import Collector, Reply

from agentops.cli.api import ApiClient
from agentops.errors import ApiError


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=401, body=b'{"message":"open the address"}'), r"^the token is .* --token"),
        (Reply(status=404, body=b'{"message":"no session"}'), "^no session$"),
        (Reply(status=500, body=b"oops"), "^the backend answered 500$"),
        (Reply(body=b"<html>"), "is no AgentOps backend; see --url"),
    ],
)
def test_a_refusal_says_what_to_do(reply, told):
    with Collector() as backend:
        backend.route(lambda _: reply)

        with pytest.raises(ApiError, match=told):
            ApiClient(backend.url).get("sessions")
