"""What is rewritten, what stays, and that what is rewritten means the same."""

import pytest

from agentops.compat.options import translate
from agentops.migrate import examine

HEAD = "import agentops\n"


@pytest.fixture
def migrated(tmp_path):
    def migrate(*sources):
        paths = []
        for number, source in enumerate(sources):
            paths.append(tmp_path / f"part{number}.py")
            paths[-1].write_text(source, encoding="utf-8")
        by_path = {report.path: report for report in examine(paths)}
        return [by_path[path] for path in paths if path in by_path]

    return migrate


def after(report):
    return report.after.decode()


@pytest.mark.parametrize(
    ("older", "today"),
    [
        ("@agentops.record_action('a')\ndef f(): ...", "@agentops.task('a')\ndef f(): ..."),
        (
            "@agentops.record_tool(tool_name = n)\ndef f(): ...",
            "@agentops.tool(name = n)\ndef f(): ...",
        ),
        ("@agentops.track_agent\nclass A: ...", "@agentops.agent\nclass A: ..."),
        ("@agentops.operation(name='x')\ndef f(): ...", "@agentops.task(name='x')\ndef f(): ..."),
        ("t = agentops.start_trace('x', ['a'])", "t = agentops.start_session('x', tags=['a'])"),
        ("agentops.end_trace(t, s)", "agentops.end_session(t, end_state=s)"),
        ("agentops.start_session(inherited_session_id=i)", "agentops.start_session(session_id=i)"),
    ],
)
def test_a_name_becomes_todays(migrated, older, today):
    (report,) = migrated(HEAD + older + "\n")

    assert after(report) == HEAD + today + "\n"
    assert report.notes == []


@pytest.mark.parametrize(
    ("older", "today"),
    [
        (
            "from agentops import record_action\nrecord_action()",
            "from agentops import task\ntask()",
        ),
        (
            "from agentops import record_action as act, Event\nact()",
            "from agentops import task as act, Event\nact()",
        ),
        (
            "from agentops import record_action\ntask = 1\nrecord_action('x')",
            "from agentops import task as record_action\ntask = 1\nrecord_action('x')",
        ),
        (
            "from agentops import record_action\n@record_action()\ndef f(task): ...",
            "from agentops import task\n@task()\ndef f(task): ...",
        ),
        (
            "from agentops import record_action\ndef f(task):\n    record_action()",
            "from agentops import task as record_action\ndef f(task):\n    record_action()",
        ),
        (
            "from agentops.sdk.decorators import (\n    task,\n    operation,\n)\noperation",
            "from agentops import (\n    task,\n)\ntask",
        ),
        ("from agentops.legacy import end_session", "from agentops import end_session"),
        ("from agentops.semconv import SpanKind", "from agentops import SpanKind"),
        ("from agentops import operation", "from agentops import task as operation"),
        (
            "from agentops import operation\noperation\n__all__ = ['operation']",
            "from agentops import task as operation\noperation\n__all__ = ['operation']",
        ),
        ("import agentops as ao\nao.operation", "import agentops as ao\nao.task"),
    ],
)
def test_an_import_becomes_todays(migrated, older, today):
    (report,) = migrated(older + "\n")

    assert after(report) == today + "\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "try:\n  from agentops import operation\nexcept ImportError:\n  operation = None\noperation",
            "something else under that name",
        ),
        ("agentops.end_trace()", "end_trace stays"),
        ("agentops.start_trace('x', tags=who)", "start_trace stays"),
        ("start = agentops.start_trace", "start_trace stays"),
        ("@agentops.trace(tags={'a': 1})\ndef f(): ...", "trace stays"),
        ("agentops.record_action(*names)", "record_action stays"),
        ("@agentops.track_agent\nclass A: ...\nA(agentops_name='x')", "track_agent stays"),
        ("@agentops.record_tool()\ndef f(): ...\nf(session=1)", "record_tool stays"),
        ("from agentops.llms import tracker", "there is no tracker in agentops.llms"),
        ("import agentops.partners", "there is no agentops.partners any more"),
        ("from agentops import *", "is not followed"),
        ("agentops.Client()", "another thing today"),
        ("agentops.no_such_thing()", "there is no agentops.no_such_thing"),
        ("agentops.set_parent_key('x')", "set_parent_key: Not served any more; instead, "),
        ("client.chat.completions.create(session=s)", "takes no session= any more"),
        ("agentops.init(endpoint=where)", "today it is telemetry.exporters"),
        ("agentops.init('key', 'parent')", "only the key is taken by position"),
        ("agentops.init(**options)", "is not looked at"),
        ("agentops.init(tags=['a'], **options)", "today it is session.tags"),
        ("agentops.init(session={}, tags=['a'])", "today it is session.tags"),
        ("agentops.init(fail_safe=True,  # as it was\n)", "a comment would be lost"),
        ("os.environ['AGENTOPS_LOG_LEVEL'] = 'DEBUG'", "is not read any more; use logging"),
    ],
)
def test_what_may_mean_something_else_stays_and_is_told(migrated, source, told):
    (report,) = migrated(HEAD + source + "\n")

    assert not report.changes
    assert any(told in note.text for note in report.notes)
    assert {note.line for note in report.notes} <= {2, 3, 4, 6}


def test_a_name_stays_in_all_files_where_one_cannot_do_without(migrated):
    maker, taker = migrated(
        HEAD + "def begin():\n    return agentops.start_trace('x')\n",
        HEAD + "from part0 import begin\nagentops.end_trace(*begin())\n",
    )

    assert not maker.changes
    assert not taker.changes
    assert any("start_trace stays" in note.text for note in maker.notes)


@pytest.mark.parametrize("use", ["from part0 import operation", "import part0\npart0.operation"])
def test_a_name_that_another_file_has_of_this_one_stays_its_name_there(migrated, use):
    (maker,) = migrated("from agentops import operation\noperation\n", f"{use}\n")

    assert after(maker) == "from agentops import task as operation\noperation\n"


OPTIONS = [
    "tags=['a', 'b']",
    "default_tags={'a'}",
    "tags='a', default_tags=()",
    "auto_start_session=False",
    "instrument_llm_calls=False",
    "instrument_llm_calls=True",
    "log_session_replay_url=False",
    "endpoint='https://a.example'",
    "exporter_endpoint=f'https://{1}.example'",
    "max_wait_time=100, max_queue_size=20",
    "export_flush_interval=100, max_wait_time=200",
    "exporter_endpoint='https://b.example', endpoint='https://a.example'",
    "processor=object(), exporter=dict(a=1)",
    "api_key='k', fail_safe=True, trace_name='t', tags=['a'], prefetch_jwt_token=False",
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("layout", ["agentops.init({})\n", "agentops.init(\n    {},\n)\n"])
def test_the_keywords_of_init_mean_the_same(migrated, options, layout):
    source = layout.format(options.replace(", ", ",\n    ") if "\n" in layout else options)
    (report,) = migrated(HEAD + source)

    def meaning(text):
        told = {}
        agentops = type("Package", (), {"init": staticmethod(told.update)})
        exec(text.partition("\n")[2], {"agentops": agentops, "object": lambda: 7})
        today, behaviour = translate(told)
        if "auto_start" in behaviour:  # the same, and goes before what is configured
            today.setdefault("session", {})["auto_start"] = behaviour.pop("auto_start")
        return today, behaviour

    assert meaning(after(report)) == meaning(HEAD + source)
    assert report.changes or report.notes


def test_layout_and_comments_of_a_call_stay(migrated):
    (report,) = migrated(
        HEAD + "agentops.init(\n    auto_init=True,\n    tags=['a'],  # who\n    api_key=KEY,\n)\n"
    )

    assert after(report) == (
        HEAD + "agentops.init(\n    session={\"tags\": ['a']},  # who\n    api_key=KEY,\n)\n"
    )
