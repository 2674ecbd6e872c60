"""How is a row written as one line of JSON? The form in which rows wait in the log and reach the engine."""

from typing import Final

import msgspec

from agentops.server.rows import Row, SpanRow

__all__ = ["REPEATED", "encode_row"]

REPEATED: Final = {
    "input_messages": "gen_ai.input.messages",
    "output_messages": "gen_ai.output.messages",
    "system_instructions": "gen_ai.system_instructions",
    "tool_definitions": "gen_ai.tool.definitions",
}
"""Columns of a span that most senders give word for word in the attribute named here. They are stored
once, in the attribute; readers take the attribute where the column is empty."""


def encode_row(row: Row) -> bytes:
    """Return the line of a row, without a line end. The row is changed: repeated texts are taken out."""
    if isinstance(row, SpanRow):
        told = row.attributes
        for column, attribute in REPEATED.items():
            text = getattr(row, column)
            if text and text == told.get(attribute):
                setattr(row, column, "")
    return msgspec.json.encode(row)
