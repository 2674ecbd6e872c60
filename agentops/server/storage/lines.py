"""How is a row written as one line of JSON? The form in which rows wait in the log and reach the engine."""

from typing import Final

import msgspec

from agentops.server.rows import Row, SpanRow

__all__ = ["REPEATED", "encode_row", "restore"]

REPEATED: Final = {
    "input_messages": "gen_ai.input.messages",
    "output_messages": "gen_ai.output.messages",
    "system_instructions": "gen_ai.system_instructions",
    "tool_definitions": "gen_ai.tool.definitions",
}
"""Columns of a span that most senders give word for word in the attribute named here. The text is stored
once, in the column, where a search reads nothing else; the attribute is left empty and filled on reading."""


def encode_row(row: Row) -> bytes:
    """Return the line of a row, without a line end. The row is changed: repeated texts are taken out."""
    if isinstance(row, SpanRow):
        for column, attribute in REPEATED.items():
            text = getattr(row, column)
            if text and text == row.attributes.get(attribute):
                row.attributes[attribute] = ""
    return msgspec.json.encode(row)


def restore(row: SpanRow) -> SpanRow:
    """Put the texts that :func:`encode_row` took out back in; return the same row."""
    for column, attribute in REPEATED.items():
        if row.attributes.get(attribute) == "":
            row.attributes[attribute] = getattr(row, column)
    return row
