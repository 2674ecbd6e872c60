"""The how-to page does what it says, with the stock exporter and the real server."""

import re
from pathlib import Path

from opentelemetry import trace

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "send-with-opentelemetry.md"


def test_the_python_example_arrives_as_one_priced_call(url, acceptor, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    providers = []
    monkeypatch.setattr(trace, "set_tracer_provider", providers.append)
    monkeypatch.setattr(trace, "get_tracer", lambda name: providers[0].get_tracer(name))

    exec(example.replace("http://127.0.0.1:4320", url), {})

    (row,) = acceptor.spans
    assert ("order-4711", "llm", "openai", "gpt-4o", 1200, 80, 0.0038) == (
        row.session_id,
        row.span_type,
        row.provider,
        row.request_model,
        row.input_tokens,
        row.output_tokens,
        row.cost_usd,
    )
