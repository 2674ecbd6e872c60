"""The command line as a whole: usage, statuses, nothing imported in vain."""

import socket
import subprocess
import sys
import threading

import pytest

from agentops.cli import VERBS, main
from agentops.cli.api import ApiClient
from agentops.errors import ApiError


def test_without_a_verb_the_help_is_shown(capsys):
    assert 0 == main([])
    out = capsys.readouterr().out
    assert all(verb in out for verb in VERBS)


def test_unknown_verb_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["sing"])

    assert 2 == raised.value.code
    assert "sing" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as raised:
        main([verb, "--help"])

    assert 0 == raised.value.code
    assert f"usage: agentops {verb}" in capsys.readouterr().out


def test_version_and_help_load_nothing_heavy():
    code = (
        "import sys; from agentops.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'chdb', 'starlette', 'grpc', 'rich', 'yaml', 'openai', 'opentelemetry.sdk'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_backend_that_is_not_there_is_told_with_what_to_do(capsys):
    assert 1 == main(["sessions", "--url", "http://127.0.0.1:9"])
    assert "start the backend with: agentops serve" in capsys.readouterr().err


@pytest.fixture
def other_server():
    """URL of a server that answers one GET with the bytes of its list, then hangs up; and that list."""
    answers = [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"".join(answers))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", answers
        thread.join()


def test_server_that_is_no_backend_is_told_as_such(other_server, capsys):
    assert 1 == main(["sessions", "--url", other_server[0]])
    assert "is no AgentOps backend" in capsys.readouterr().err


def test_stream_that_breaks_off_is_an_error_of_the_api(other_server):
    url, answers = other_server
    answers[:] = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        b"1a\r\nevent: reset\r\ndata: {}\r\n\r\n\r\nff"
    ]
    stream = ApiClient(url).stream("status:error")

    assert ("reset", {}) == next(stream)
    with pytest.raises(ApiError, match="broke off"):
        next(stream)
