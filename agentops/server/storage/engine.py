"""What does the shared SQL need from an engine that speaks the ClickHouse dialect? Below the SQL.

An engine runs statements and takes inserts; it knows nothing of spans. Identifiers in the SQL are
constants of ours; values reach it only as parameters.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from agentops.errors import ConfigurationError
from agentops.server.storage.base import Capabilities, Limits

__all__ = [
    "BUSY_CODES",
    "INSERT_SETTINGS",
    "READ_SETTINGS",
    "Dialect",
    "Engine",
    "Parameter",
    "Parameters",
    "parameter_text",
]

Parameter: TypeAlias = str | int | float | Sequence[str]
"""A value that stands as ``{name:Type}`` in a statement; a sequence of texts for ``Array(String)``."""

Parameters: TypeAlias = Mapping[str, Parameter]

READ_SETTINGS: Final = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_named_tuples_as_objects": 1,
    "prefer_column_name_to_alias": 1,
}
"""Settings under which every read runs, so that each engine answers in the same JSON."""

INSERT_SETTINGS: Final[dict[str, int | str]] = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "max_insert_block_size": 1 << 20,
    "min_insert_block_size_rows": 1 << 20,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_skip_unknown_fields": 1,
    "input_format_parallel_parsing": 0,
}
"""Settings under which every insert runs: one block, so that all of it is stored or nothing."""

BUSY_CODES: Final = (159, 202, 209, 210, 241, 242, 243, 252, 307, 319, 425)
"""Error codes that say "not now": time or memory used up, too many parts or queries, disk full, network."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Names and engine clauses that differ between one node and a cluster.

    Attributes:
        database: Where our tables stand; not ``default``, which lacks features.
        cluster: Name of the cluster: tables are then replicated, with a distributed table in front.
        retention_days: Rows are removed this long after their span started; ``None`` keeps them.
    """

    database: str = "agentops"
    cluster: str | None = None
    retention_days: int | None = None

    def __post_init__(self) -> None:
        for path, name in (("storage.database", self.database), ("storage.cluster", self.cluster)):
            if name is not None and not _IDENTIFIER.fullmatch(name):
                raise ConfigurationError(path, name, "letters, digits and underscores")


class Engine(ABC):
    """One connection, or pool of connections, to an engine. Safe to use from any thread.

    Attributes:
        capabilities: See :class:`Capabilities`.
        dialect: Which names and clauses its statements use.
    """

    capabilities: Capabilities
    dialect: Dialect

    @abstractmethod
    def query(self, sql: str, parameters: Parameters, limits: Limits) -> bytes:
        """Run a read under ``limits`` and return its rows as lines of JSON objects."""

    @abstractmethod
    def command(self, sql: str, parameters: Parameters) -> None:
        """Run a statement that answers nothing."""

    @abstractmethod
    def insert(self, table: str, lines: bytes, token: str) -> None:
        """Insert lines of JSON objects in one block.

        A second call with the same ``token`` and table changes nothing. Unknown keys are left out;
        missing ones take the column's default.

        Raises:
            RowsRefusedError: The lines do not fit the table.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of everything held. May be called twice."""


def parameter_text(value: Parameter) -> str:
    """Return a parameter in the text form that the engine reads back to exactly ``value``."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, int | float):
        return repr(value)
    return "[" + ",".join("'" + _quoted(item) + "'" for item in value) + "]"


def _quoted(text: str) -> str:
    return text.translate(_ESCAPES).replace("'", "\\'")
