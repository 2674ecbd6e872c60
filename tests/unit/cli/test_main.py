"""The command line as a whole: usage, statuses, nothing imported in vain."""

import subprocess
import sys

import pytest

from agentops.cli import VERBS, main


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
