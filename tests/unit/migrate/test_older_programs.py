"""A program of an older release does the same before and after it is rewritten."""

import io
from contextlib import redirect_stderr
from pathlib import Path

import pytest

import agentops
from agentops.migrate import examine
from agentops.testing import recording

PROGRAMS = Path(__file__).resolve().parents[2] / "fixtures/older_programs"


def run(source):
    """Return what a program records, without what differs each time."""
    with recording() as recorded, redirect_stderr(io.StringIO()):
        exec(compile(source, "program.py", "exec"), {"__name__": "program"})
    spans = [
        (span.name, span.status_code, {k: v for k, v in span.attributes.items() if "id" not in k})
        for span in recorded.spans
    ]
    events = [(event.name, event.event and event.event.event_type) for event in recorded.events]
    return spans, events


@pytest.mark.parametrize("release", ["0.3", "0.4"])
def test_it_records_the_same(release):
    path = PROGRAMS / f"v{release.replace('.', '_')}.py"
    (report,) = examine([path])

    before, after = run(report.before), run(report.after)

    assert before == after
    assert len(before[0]) >= 4
    assert [release] == list(report.releases)
    assert report.notes == []


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_of_it_is_left_to_rewrite(path, tmp_path):
    (report,) = examine([path])
    again = tmp_path / path.name
    again.write_bytes(report.after)

    assert not any(found.changes for found in examine([again]))
    assert not {"record_action", "operation", "start_trace"} & set(report.after.decode().split())
    assert agentops.get_client() is None
