"""How are embeddings, images, audio and the smaller endpoints read? Part of what is known of openai."""

from collections.abc import Iterable

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Part, Usage
from agentops.instrumentation.providers.fields import Json, mapping, mappings, text
from agentops.instrumentation.providers.openai.chat import content_parts
from agentops.instrumentation.providers.openai.reader import (
    LookReader,
    Reader,
    read_error,
    read_image_usage,
    read_object,
    read_parameters,
    read_usage,
)
from agentops.instrumentation.providers.openai.responses import read_items
from agentops.instrumentation.providers.parts import blob, media, text_part

__all__ = [
    "BatchReader",
    "DecisionReader",
    "EmbeddingReader",
    "ImageReader",
    "ModerationReader",
    "SearchReader",
    "SpeechReader",
    "TranscriptionReader",
    "VideoReader",
]


class BatchReader(LookReader):
    """Reads ``/batches``: made, polled, cancelled.

    What its requests used in all stands under names of its own: a batch is billed at another price than a call,
    and tells it again each time it is looked at.
    """

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read id, status, and how many of its requests are where."""
        super().read_body(call, body)
        for name, counted in mapping(body, "request_counts").items():
            if type(counted) is int:
                call.attributes[f"{semconv.OPENAI_BATCH_REQUESTS}.{name}"] = counted
        used = Usage()
        read_usage(used, mapping(body, "usage"))
        for name, counted in used.to_attributes().items():
            call.attributes[name.replace("gen_ai.usage", semconv.OPENAI_BATCH_USAGE)] = counted


class EmbeddingReader(Reader):
    """Reads ``/embeddings``."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters and texts; tokens given as numbers are left out."""
        read_parameters(call, request)
        _read_texts(call, request.get("input"))

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read usage and the length of the vectors."""
        read_object(call, body)
        read_error(call, body)
        for item in mappings(body, "data")[:1]:
            if length := _length(item.get("embedding")):
                call.attributes[semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = length


class ImageReader(Reader):
    """Reads ``/images``: generated, edited, varied, streamed."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters and the prompt."""
        read_parameters(call, request)
        call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "image"
        _read_texts(call, request.get("prompt"))

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read usage and the images."""
        read_object(call, body)
        read_image_usage(call.usage, mapping(body, "usage"))
        read_error(call, body)
        mime_type = f"image/{text(body, 'output_format') or 'png'}"
        for item in mappings(body, "data"):
            _add(call, _image_parts(item, mime_type))

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the finished images and their usage; images on the way are left out."""
        for name, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            read_error(call, data)
            if (text(data, "type") or name).endswith(".completed"):
                read_image_usage(call.usage, mapping(data, "usage"))
                _add(call, _image_parts(data, f"image/{text(data, 'output_format') or 'png'}"))


class SpeechReader(Reader):
    """Reads ``/audio/speech``: text in, bytes or events out."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read the text to speak."""
        read_parameters(call, request)
        call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "speech"
        _read_texts(call, request.get("input"))
        if text(request, "instructions"):
            call.system_instructions = [text_part(text(request, "instructions"))]

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the usage of a speech that was streamed."""
        for _, data in events:
            if isinstance(data, dict):
                call.chunk_count += 1
                read_usage(call.usage, mapping(data, "usage"))
                read_error(call, data)


class TranscriptionReader(Reader):
    """Reads ``/audio/transcriptions`` and ``/audio/translations``."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters and the prompt; the audio is sent as a file and not looked at."""
        read_parameters(call, request)
        call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "text"
        _read_texts(call, request.get("prompt"))

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read text and usage."""
        read_object(call, body)
        read_error(call, body)
        if said := text(body, "text"):
            _add(call, [text_part(said)])
        _read_seconds(call, mapping(body, "usage"))

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the final text and its usage, or the pieces where there is no final text."""
        pieces: list[str] = []
        final = ""
        for name, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            read_usage(call.usage, mapping(data, "usage"))
            _read_seconds(call, mapping(data, "usage"))
            read_error(call, data)
            pieces.append(text(data, "delta"))
            if (text(data, "type") or name) == "transcript.text.done":
                final = text(data, "text")
        if said := final or "".join(pieces):
            _add(call, [text_part(said)])


class ModerationReader(Reader):
    """Reads ``/moderations``."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read what is to be judged."""
        given = request.get("input")
        if isinstance(given, list) and any(isinstance(each, dict) for each in given):
            call.input_messages = [{"role": "user", "parts": content_parts(given)}]
        else:
            _read_texts(call, given)

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the verdicts, as content."""
        read_object(call, body)
        read_error(call, body)
        verdicts: list[Part] = [
            {"type": "moderation", **each} for each in mappings(body, "results")
        ]
        if verdicts:
            _add(call, verdicts)


class DecisionReader(Reader):
    """Reads ``/decisions``: questions about an input, answered by class or score."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read the input; the questions stand where tools stand elsewhere, as a part of it."""
        read_parameters(call, request)
        _read_texts(call, request.get("input"))
        call.input_messages += read_items(mappings(request, "input"), "user")
        asked: list[Part] = [
            {"type": "question", **each} for each in mappings(request, "questions")
        ]
        if asked:
            call.input_messages.append({"role": "user", "parts": asked})

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the answers and the usage."""
        read_object(call, body)
        read_error(call, body)
        answers: list[Part] = [
            {**each, "type": f"decision.{text(each, 'type')}"} for each in mappings(body, "answers")
        ]
        if answers:
            _add(call, answers)


class SearchReader(Reader):
    """Reads ``/vector_stores/{id}/search``."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read the query and how much is asked for."""
        query = request.get("query")
        asked = query if isinstance(query, str) else "\n".join(map(str, query or ()))  # type: ignore[call-overload]
        if asked:
            call.content[semconv.GEN_AI_RETRIEVAL_QUERY_TEXT] = asked
        limit = request.get("max_num_results")
        if isinstance(limit, int):
            call.attributes[semconv.GEN_AI_RETRIEVAL_TOP_K] = limit

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read which documents were found, and how well they fit."""
        read_error(call, body)
        found = [
            {"id": text(each, "file_id"), "score": each.get("score")}
            for each in mappings(body, "data")
        ]
        if found:
            call.content[semconv.GEN_AI_RETRIEVAL_DOCUMENTS] = found


class VideoReader(Reader):
    """Reads ``/videos``: made, remixed, extended; polled by their id."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read the prompt."""
        read_parameters(call, request)
        call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "video"
        _read_texts(call, request.get("prompt"))

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read id, state and model of the job."""
        read_object(call, body)
        read_error(call, body)


def _length(vector: object) -> int:
    """Return how many numbers a vector has; those in base64, which the SDK asks for, take four bytes each."""
    if isinstance(vector, str):
        return (len(vector) * 3 // 4 - vector.count("=", -2)) // 4
    return len(vector) if isinstance(vector, list) else 0


def _read_texts(call: LLMCall, given: object) -> None:
    """Make a user's message of each text."""
    texts = given if isinstance(given, list) else [given]
    call.input_messages += [
        {"role": "user", "parts": [text_part(each)]} for each in texts if isinstance(each, str)
    ]


def _image_parts(item: Json, mime_type: str) -> list[Part]:
    parts: list[Part] = []
    if data := text(item, "b64_json"):
        parts.append(blob("image", mime_type, data))
    elif url := text(item, "url"):
        parts.append(media("image", url))
    if revised := text(item, "revised_prompt"):
        parts.append(text_part(revised))
    return parts


def _read_seconds(call: LLMCall, usage: Json) -> None:
    """Read a usage that is told in seconds of audio."""
    seconds = usage.get("seconds")
    if isinstance(seconds, int | float):
        call.attributes[semconv.AGENTOPS_AUDIO_SECONDS] = seconds
        if seconds > 0:
            call.priced_units["audio_seconds"] = seconds


def _add(call: LLMCall, parts: list[Part]) -> None:
    call.output_messages.append({"role": "assistant", "parts": parts})
