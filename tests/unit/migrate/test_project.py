"""Which files are looked at, and that they are left whole."""

import os
import stat

import pytest

from agentops.migrate import examine

OLDER = "import agentops\nagentops.operation\n"


def names(reports):
    return sorted(report.path.name for report in reports)


def test_of_a_folder_what_is_not_the_programs_own_is_left_out(tmp_path):
    for folder in ("src", ".hidden", "node_modules", "env", "lib/site-packages"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder[:3].strip('.')}.py").write_text(OLDER)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr\n")
    (tmp_path / "src" / "other.py").write_text("print(1)\n")

    assert names(examine([tmp_path])) == ["src.py"]


def test_a_file_that_is_given_twice_is_looked_at_once(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(OLDER)

    assert names(examine([file, tmp_path, file])) == ["a.py"]


@pytest.mark.parametrize(
    ("name", "text", "line", "told"),
    [
        ("requirements.txt", "openai\nagentops==0.4.21\n", 2, "ask for >=0.5"),
        ("pyproject.toml", 'dependencies = ["agentops[x]~=0.3.26"]\n', 1, "ask for >=0.5"),
        ("pyproject.toml", 'agentops = "^0.4"\n', 1, "ask for >=0.5"),
        (".env", "AGENTOPS_FAIL_SAFE=true\n", 1, "what it asks for is always so"),
        ("compose.yaml", "AGENTOPS_MAX_WAIT_TIME: 5\n", 1, "use AGENTOPS_BATCH_DELAY_MS"),
        ("a.ipynb", '{"source": "import agentops"}', 1, "a notebook is not rewritten"),
        ("a.py", "import agentops\n\ndef (\n", 3, "no Python that can be read"),
        ("a.py", "# coding: nothing-such\nimport agentops\n", 1, "its encoding"),
    ],
)
def test_what_cannot_be_rewritten_is_told_with_its_line(tmp_path, name, text, line, told):
    (tmp_path / name).write_text(text)
    (report,) = examine([tmp_path])

    assert [line] == [note.line for note in report.notes]
    assert told in report.notes[0].text
    assert not report.changes


@pytest.mark.parametrize("text", ["agentops>=0.5\n", "agentops==0.5.1\n", "agentops\n"])
def test_a_requirement_of_this_release_is_well(tmp_path, text):
    (tmp_path / "requirements.txt").write_text(text)

    assert examine([tmp_path]) == []


def test_a_file_that_is_too_large_is_told(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(OLDER + "#" * (4 << 20))

    assert "not looked at" in examine([file])[0].notes[0].text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_encoding_line_ends_and_mode_stay(tmp_path, encoding):
    head = "# coding: latin-1\r\n" if encoding == "latin-1" else ""
    text = f"{head}import agentops\r\nagentops.operation  # für alle"
    file = tmp_path / "a.py"
    file.write_bytes(text.encode(encoding))
    file.chmod(0o754)

    (report,) = examine([file])
    report.write()

    assert file.read_bytes() == text.replace("operation", "task").encode(encoding)
    assert stat.S_IMODE(file.stat().st_mode) == 0o754
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_link_stays_one(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(OLDER)
    link = tmp_path / "b.py"
    link.symlink_to(file)

    (report,) = examine([link])
    report.write()

    assert link.is_symlink()
    assert "task" in file.read_text()
