import threading
import time

from support.seed import support_session
from support.storages import new_storage

from agentops import clock
from agentops.errors import StorageBusyError
from agentops.server.rows import SpanRow
from agentops.server.storage.base import Limits
from agentops.server.storage.lines import encode_row

ENDLESS = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"
GREEDY = "SELECT count() FROM (SELECT number FROM numbers(100000000) GROUP BY number)"


def test_heavy_query_is_ended_by_its_limits_while_rows_are_stored():
    failures = []

    def ask(storage, sql, limits):
        try:
            storage._engine.query(sql, {}, limits)
        except StorageBusyError as error:
            failures.append(str(error))

    rows = support_session(1, clock.now_ns())
    spans = [encode_row(row) for row in rows if isinstance(row, SpanRow)]
    with new_storage("chdb") as storage:
        asked = [
            threading.Thread(target=ask, args=(storage, ENDLESS, Limits(seconds_max=5))),
            threading.Thread(target=ask, args=(storage, GREEDY, Limits(memory_bytes_max=1 << 26))),
        ]
        began = time.monotonic()
        for thread in asked:
            thread.start()
        storage.write(spans, [], is_replay=False)
        totals = storage.totals("default")
        assert any(thread.is_alive() for thread in asked)  # so it was stored beside the query
        for thread in asked:
            thread.join(100)

        assert (1, 7) == (totals.session_count, totals.span_count)
        assert time.monotonic() - began < 100
        assert ["Code: 159", "Code: 241"] == sorted(text[:9] for text in failures), failures
