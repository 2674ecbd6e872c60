"""`agentops migrate` shows a change before it makes it."""

import json
import sys

import pytest

from agentops.cli import main

OLDER = "import agentops\n\n\n@agentops.operation\ndef f(): ...\n\n\nagentops.tracer\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(OLDER)
    return path


def test_it_shows_the_change_and_makes_none(file, capsys):
    assert 0 == main(["migrate", str(file.parent)])
    out = capsys.readouterr().out

    assert file.read_text() == OLDER
    assert "-@agentops.operation\n+@agentops.task\n" in out
    assert f"{file}: written for agentops 0.4 (operation, tracer)" in out
    assert f"{file}:8: tracer: Not served any more" in out
    assert "1 file to change, 1 place to look at; `agentops migrate --write` changes them" in out


def test_it_makes_the_change_when_told_to(file, capsys):
    assert 0 == main(["migrate", "--write", str(file)])
    assert file.read_text() == OLDER.replace("operation", "task")
    assert "1 file changed, 1 place to look at\n" in capsys.readouterr().out
    assert 0 == main(["migrate", "--check", str(file)])


def test_a_check_fails_where_there_is_something_to_change(file, capsys):
    assert 1 == main(["migrate", "--check", "--json", str(file)])
    (row,) = json.loads(capsys.readouterr().out)

    assert row["path"] == str(file)
    assert row["releases"] == {"0.4": ["operation", "tracer"]}
    assert "+@agentops.task" in row["diff"]
    assert [8] == [note["line"] for note in row["notes"]]


def test_a_path_that_is_not_there_is_an_error(capsys):
    assert 1 == main(["migrate", "no-such-folder"])
    assert "there is no no-such-folder" in capsys.readouterr().err


def test_without_its_extra_it_says_what_to_install(file, capsys, monkeypatch):
    for name in [each for each in sys.modules if each.startswith("agentops.migrate")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "libcst", None)

    assert 1 == main(["migrate", str(file)])
    assert "agentops[migrate]" in capsys.readouterr().err
