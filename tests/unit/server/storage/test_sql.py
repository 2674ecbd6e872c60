import re

import msgspec
import pytest
from support.storages import new_storage

from agentops import clock
from agentops.errors import ConfigurationError, StorageError
from agentops.server.rows import SpanRow
from agentops.server.storage.base import Limits
from agentops.server.storage.engine import Dialect, parameter_text
from agentops.server.storage.lines import encode_row
from agentops.server.storage.sql import schema_statements


def test_cluster_gets_replicated_tables_behind_distributed_ones():
    statements = schema_statements(Dialect(database="db", cluster="main"))
    made = [re.match(r"\s*(?:--.*\n)*\s*(CREATE [^(]*)", s)[1] for s in statements]

    assert all("ON CLUSTER main" in statement for statement in made)
    text = "\n".join(statements)
    for table in ("spans", "events", "sessions"):
        assert f"CREATE TABLE IF NOT EXISTS db.{table}_local ON CLUSTER main" in text
        assert f"ENGINE = Distributed(main, db, {table}_local, cityHash64(session_" in text
    assert "ENGINE = ReplicatedReplacingMergeTree(received_ns)" in text
    assert "ENGINE = ReplicatedAggregatingMergeTree" in text
    assert "TO db.sessions_local AS" in text
    assert "FROM db.spans_local AS s" in text
    assert "$" not in text


def test_one_node_gets_plain_tables():
    text = "\n".join(schema_statements(Dialect(database="db")))

    assert "ON CLUSTER" not in text
    assert "Replicated" not in text
    assert "Distributed" not in text
    assert "TTL" not in text


def test_retention_becomes_a_time_to_live_on_every_table_of_rows():
    text = "\n".join(schema_statements(Dialect(retention_days=30)))

    assert 3 == text.count("INTERVAL 30 DAY")


def test_retention_of_stored_data_follows_the_setting():
    with new_storage("chdb") as storage:
        engine = storage._engine
        database = engine.dialect.database
        old, new = (
            SpanRow(trace_id=digit * 32, span_id=digit * 16, name="n", start_ns=ns, end_ns=ns)
            for digit, ns in (("1", 86_400 * 10**9), ("2", clock.now_ns()))
        )
        storage.write([encode_row(old), encode_row(new)], [])
        for days, left in ((None, 2), (30, 1), (60, 1), (None, 1)):
            engine.dialect = Dialect(database=database, retention_days=days)
            storage.open()
            for table in ("spans", "sessions"):
                engine.command(f"OPTIMIZE TABLE {database}.{table} FINAL", {})
            made = storage._tables()

            assert days is None or f"toIntervalDay({days})" in made["events"]
            assert (days is None) == ("TTL" not in made["sessions"])
            assert left == storage.totals("default").span_count
            spans = f"SELECT count() AS n FROM {database}.spans"
            assert {"n": left} == msgspec.json.decode(engine.query(spans, {}, Limits()))


@pytest.mark.parametrize("name", ["a b", "a;DROP", "", "1a", "a`"])
def test_name_that_is_no_identifier_is_refused(name):
    with pytest.raises(ConfigurationError):
        Dialect(database=name)


@pytest.mark.parametrize(
    "value",
    ["", "it's", "a\\b", "tab\tline\nnul\0", "{x:String}", "\\N", "ü\U0001f600", "\b\f\r", "'),('"],
)
def test_parameters_reach_the_engine_as_they_are(value):
    with new_storage("chdb") as storage:
        sql = "SELECT {one:String} AS one, {many:Array(String)} AS many"
        answer = storage._engine.query(sql, {"one": value, "many": [value, "x"]}, Limits())

    assert {"one": value, "many": [value, "x"]} == msgspec.json.decode(answer)
    assert isinstance(parameter_text([value]), str)


def test_data_of_another_version_is_refused_in_words():
    with new_storage("chdb") as storage:
        storage.open()
        database = storage._engine.dialect.database
        storage._engine.command(f"TRUNCATE TABLE {database}.meta", {})
        storage._engine.command(f"INSERT INTO {database}.meta VALUES ('schema', '99')", {})

        with pytest.raises(StorageError, match="schema 99, this version of agentops needs 1"):
            storage.open()
