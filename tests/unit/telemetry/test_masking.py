"""Masks and content modes: what must not leave does not, in no part of any record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops.events import ActionEvent, ErrorEvent, LLMEvent, ToolEvent
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.exporters.base import DELIVERED, Exporter
from agentops.telemetry.manager import TelemetryManager
from agentops.telemetry.masking import Masks

SECRET = "the moon is made of cheese"
KEY = "sk-proj-Abcdefghijklmnop0123456789"


class Bytes(Exporter):
    """Keeps every byte of every encoding."""

    name = "bytes"

    def __init__(self):
        self.sent = b""

    def export(self, batch, timeout_s):
        self.sent += batch.traces_protobuf() + batch.logs_protobuf()
        self.sent += batch.traces_json() + batch.logs_json()
        part = batch.part("agentops_events")
        self.sent += part.body() if part is not None else b""
        return DELIVERED


class Written(Exporter):
    """Takes nothing but OTLP protobuf, for which records are finished and encoded in one walk."""

    name = "written"
    encodings = ("traces_protobuf", "logs_protobuf")

    def __init__(self):
        self.sent = b""

    def export(self, batch, timeout_s):
        self.sent += batch.parts()[0].body()
        return DELIVERED


def everything_about(text, **settings):
    """Return the bytes that leave when ``text`` stands wherever a text can stand, whichever way they are made."""
    return sent_about(text, Bytes(), **settings) + sent_about(text, Written(), **settings)


def sent_about(text, sink, **settings):
    manager = TelemetryManager(TelemetryConfig(exporters=[sink], **settings))
    span = manager.create_span("chat", parent=Context())
    span.add_event("note", {"gen_ai.input.messages": text, "exception.message": text})
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    manager.record(ActionEvent(action_type="a", params={"p": [text]}, returns=text), span=span)
    manager.record(ToolEvent(name="t", logs={"l": text}), span=span)
    manager.record(ErrorEvent(exception=ValueError(text), logs=text), span=span)
    manager.record(LLMEvent(prompt=text, completion={"c": text}), span=span)
    manager.emit("log", body={"b": text})
    attributes = {
        "gen_ai.input.messages": messages,
        "gen_ai.output.messages": messages,
        "gen_ai.system_instructions": messages,
        "gen_ai.tool.definitions": [{"description": text}],
        "gen_ai.tool.call.arguments": {"a": text},
        "gen_ai.tool.call.result": text,
        "agentops.input": text,
        "agentops.output": {"o": text},
    }
    events = [LLMEvent(prompt=text, completion=text, model="m")]
    manager.end_span(
        span,
        complete=lambda: Completion(attributes=attributes, events=events),
        error=ValueError(f"refused: {text}"),
    )
    assert manager.flush(30_000)
    return sink.sent


def test_content_full_carries_content():
    assert everything_about(SECRET).count(SECRET.encode()) > 20


@pytest.mark.parametrize("mode", ["none", "metadata"])
def test_less_than_full_leaves_no_byte_of_it(mode):
    sent = everything_about(SECRET, content=mode)

    assert SECRET.encode() not in sent
    assert b"ValueError" in sent


def test_content_metadata_keeps_shapes():
    sent = everything_about(SECRET, content="metadata")

    assert b"<26 characters>" in sent
    assert b"<35 characters>" in sent  # of the error's text


def test_keys_of_providers_never_leave():
    assert KEY.encode() not in everything_about(KEY)


def test_keys_of_providers_and_patterns_are_hidden_in_keys_inside_values():
    for sink in (Bytes(), Written()):
        manager = TelemetryManager(TelemetryConfig(exporters=[sink], mask=["cheese"]))
        told = {"agentops.input": {KEY: 1, "of cheese": [{KEY: 2}]}}
        manager.end_span(manager.create_span("step", attributes=told, parent=Context()))
        manager.emit("log", attributes=told)
        assert manager.flush(30_000)

        assert KEY.encode() not in sink.sent
        assert b"cheese" not in sink.sent
        assert b"of ***" in sink.sent


KEYS = [
    KEY,
    "sk-ant-api03-" + "a" * 40,
    "sk-" + "A1" * 24,
    "sk-abcde***************************wxyz",
    "AIza" + "b" * 35,
    "gsk_" + "c" * 40,
    "hf_" + "d" * 34,
    "xai-" + "e" * 40,
    "AKIAABCDEFGHIJKLMNOP",
    "ghp_" + "f" * 36,
    "ghs_" + "f" * 36,
    "r8_" + "g" * 37,
    "rk-" + "h" * 24,
    "pplx-" + "i" * 48,
    "xoxb-" + "1" * 24,
    "-_" * 40 + " pk-" + "j" * 24,
]


@pytest.mark.parametrize("key", KEYS)
def test_key_is_hidden_inside_text(key):
    sent = everything_about(f"Incorrect API key provided:\n{key}.")

    assert key.rpartition(" ")[2].encode() not in sent
    assert b"***." in sent


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "around", ["plain words, ", "| --- | --- |", "snake_case and well-known, "]
)
def test_key_is_found_however_many_marks_stand_around_it(key, around):
    text = f"{around * 100} {key}. {around * 100}"
    masks = Masks()

    assert masks.may_change(text)
    assert masks.may_change_utf8(text.encode())
    assert key.rpartition(" ")[2] not in masks(text)


@pytest.mark.parametrize("text", ["| --- | --- |", "snake_case and well-known, ", "-", "_"])
def test_many_marks_alone_are_no_reason_to_look_closer(text):
    assert not Masks().may_change(text * 100)
    assert not Masks().may_change_utf8(text.encode() * 100)


@given(st.lists(st.sampled_from([*KEYS, "sk", "hf", "x", "-", "_", "A", "é", " ", "- " * 9])))
def test_a_key_is_seen_in_text_and_in_its_bytes(pieces):
    text, masks = "".join(pieces), Masks()
    is_changed = masks(text) != text

    assert masks.may_change(text) or not is_changed
    assert masks.may_change_utf8(text.encode()) or not is_changed


def test_ordinary_text_is_left_alone():
    text = "ask-me-anything about task-scheduling_in_x-rays, AI or a risk-free sk-1"

    assert text.encode() in everything_about(text)


def test_pattern_hides_what_it_matches():
    sent = everything_about(SECRET, mask=[r"moon is \w+"])

    assert b"moon" not in sent
    assert b"the *** of cheese" in sent


def test_function_masks():
    sent = everything_about(SECRET, mask=[lambda text: text.replace("cheese", "[food]")])

    assert b"cheese" not in sent
    assert b"the moon is made of [food]" in sent


def raise_error(text):
    raise RuntimeError(text)


@pytest.mark.parametrize("mask", [raise_error, lambda _: None, lambda _: b"x"])
def test_failing_mask_withholds(mask):
    sent = everything_about(SECRET, mask=[mask])

    assert SECRET.encode() not in sent
    assert b"<withheld: a mask failed>" in sent


def test_one_exporter_may_see_less():
    wide, narrow = Bytes(), Bytes()
    manager = TelemetryManager(
        TelemetryConfig(
            exporters=[wide, {"type": "instance", "instance": narrow, "content": "none"}]
        )
    )
    span = manager.create_span("chat", parent=Context())
    manager.record(ActionEvent(params=SECRET), span=span)
    manager.end_span(
        span, complete=lambda: Completion(attributes={"gen_ai.input.messages": [SECRET]})
    )
    assert manager.flush(30_000)

    assert SECRET.encode() in wide.sent
    assert narrow.sent
    assert SECRET.encode() not in narrow.sent


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("place", "sides"), [("spans", "s"), ("events", "e"), ("both", "se")])
def test_content_of_a_call_stands_where_it_is_wanted(place, sides, shared):
    processors = [SimpleSpanProcessor(InMemorySpanExporter())] if shared else []
    manager = TelemetryManager(
        TelemetryConfig(exporters=[{"type": "memory"}], content_on=place, processors=processors)
    )
    span = manager.create_span("chat", parent=Context())
    manager.end_span(
        span,
        complete=lambda: Completion(
            attributes={"gen_ai.input.messages": [{"role": "user"}]}, events=[LLMEvent()]
        ),
    )
    assert manager.flush(30_000)

    memory = manager.exporters[0]
    on_span = memory.spans[0].attributes.get("gen_ai.input.messages")
    on_event = memory.events[0].attributes.get("gen_ai.input.messages")
    assert on_span == ('[{"role":"user"}]' if "s" in sides else None)
    assert on_event == ([{"role": "user"}] if "e" in sides else None)
