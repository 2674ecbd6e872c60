"""Which endpoint does what? Part of what is known of openai: paths to operations and readers.

An endpoint that stands here gets its operation; any other gets a span named after its method and its
path, with what every object of the API may tell. A path's ids are put back into ``{id}``.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from agentops.instrumentation.providers.openai.assistants import (
    AgentSessionReader,
    AssistantReader,
    RunReader,
)
from agentops.instrumentation.providers.openai.chat import (
    ChatReader,
    CompletionReader,
    FetchChatReader,
)
from agentops.instrumentation.providers.openai.media import (
    BatchReader,
    DecisionReader,
    EmbeddingReader,
    ImageReader,
    ModerationReader,
    SearchReader,
    SpeechReader,
    TranscriptionReader,
    VideoReader,
)
from agentops.instrumentation.providers.openai.reader import LookReader, Reader
from agentops.instrumentation.providers.openai.responses import (
    CompactReader,
    FetchReader,
    ResponseReader,
    TokenCountReader,
)

__all__ = ["Operation", "Operations", "path_template"]

_ID = re.compile(r"[a-z]+(?:_[a-z]+)?[_-][A-Za-z0-9_-]{8,}$|.*\d.*|.{33,}")


@dataclass(frozen=True, slots=True)
class Operation:
    """What an endpoint does.

    Attributes:
        name: ``gen_ai.operation.name``, ``""`` for none.
        reader: Reads its requests and answers.
        kind: ``agentops.span.kind``.
    """

    name: str
    reader: Reader
    kind: str = "llm"


class Operations:
    """The operations of one instrumentation; readers that count once live as long as it does."""

    def __init__(self) -> None:
        runs = RunReader()
        told_in_background: dict[str, None] = {}
        fetch, image, video = FetchReader(told_in_background), ImageReader(), VideoReader()
        heard, stored = TranscriptionReader(), FetchChatReader()
        self._generic = Operation("", Reader(), "")
        self._look, batch = Operation("", LookReader(), ""), Operation("", BatchReader(), "")
        self._known = {
            "post /chat/completions": Operation("chat", ChatReader()),
            "get /chat/completions/{id}": Operation("fetch_response", stored, ""),
            "post /chat/completions/{id}": Operation("", stored, ""),
            "post /responses": Operation("chat", ResponseReader(told_in_background)),
            "get /responses/{id}": Operation("fetch_response", fetch, ""),
            "post /responses/{id}/cancel": Operation("", fetch, ""),
            "post /responses/compact": Operation("chat", CompactReader()),
            "post /responses/input_tokens": Operation("", TokenCountReader(), ""),
            "post /completions": Operation("text_completion", CompletionReader()),
            "post /embeddings": Operation("embeddings", EmbeddingReader()),
            "post /images/generations": Operation("generate_content", image),
            "post /images/edits": Operation("generate_content", image),
            "post /images/variations": Operation("generate_content", image),
            "post /audio/speech": Operation("generate_content", SpeechReader()),
            "post /audio/transcriptions": Operation("generate_content", heard),
            "post /audio/translations": Operation("generate_content", heard),
            "post /videos": Operation("generate_content", video),
            "post /videos/edits": Operation("generate_content", video),
            "post /videos/extensions": Operation("generate_content", video),
            "post /videos/{id}/remix": Operation("generate_content", video),
            "get /videos/{id}": Operation("", video, ""),
            "post /moderations": Operation("moderation", ModerationReader()),
            "post /decisions": Operation("decision", DecisionReader()),
            "post /vector_stores/{id}/search": Operation("retrieval", SearchReader(), ""),
            "post /batches": batch,
            "get /batches/{id}": batch,
            "post /batches/{id}/cancel": batch,
            "post /assistants": Operation("create_agent", AssistantReader(), "agent"),
            "post /agents": Operation("create_agent", AssistantReader(), "agent"),
            "post /agents/sessions": Operation("invoke_agent", AgentSessionReader(), "agent"),
            "post /agents/sessions/{id}": self._look,
            "get /agents/sessions/{id}/events": Operation(
                "invoke_agent", AgentSessionReader(), "agent"
            ),
            "post /threads/runs": Operation("invoke_agent", runs, "agent"),
            "post /threads/{id}/runs": Operation("invoke_agent", runs, "agent"),
            "post /threads/{id}/runs/{id}/submit_tool_outputs": Operation(
                "invoke_agent", runs, "agent"
            ),
            "get /threads/{id}/runs/{id}": Operation("", runs, ""),
            "post /threads/{id}/runs/{id}": Operation("", runs, ""),
            "post /threads/{id}/runs/{id}/cancel": Operation("", runs, ""),
        }

        self._patterns: dict[tuple[str, int], list[str]] = {}
        for known in self._known:
            method, _, path = known.partition(" ")
            if "{id}" in path:
                self._patterns.setdefault((method, path.count("/") + 1), []).append(path)

    def find(self, method: str, path: str) -> Operation:
        """Return what ``method`` (in lower case) on ``path`` (no query, no base) does."""
        known = self._known.get(f"{method} {path}")
        return self._search(method, path.partition("?")[0]) if known is None else known

    def _search(self, method: str, path: str) -> Operation:
        segments = path.split("/")
        for pattern in (
            path,
            path_template(path),
            *self._patterns.get((method, len(segments)), ()),
        ):
            if all(
                ours in (theirs, "{id}")
                for ours, theirs in zip(pattern.split("/"), segments, strict=True)
            ):
                known = self._known.get(f"{method} {pattern}")
                if known is not None:
                    return known
        return self._look if method == "get" else self._generic


@lru_cache(maxsize=1024)
def path_template(path: str) -> str:
    """Return ``path`` with everything that looks like an id replaced by ``{id}``."""
    segments = path.partition("?")[0].split("/")
    return "/".join("{id}" if _ID.fullmatch(each) else each for each in segments)
