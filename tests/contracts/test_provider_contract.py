"""The contract of providers notices what a newcomer's instrumentation does wrong."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from agentops import guard
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.testing import ProviderContract

# A vendor


@dataclass
class Answer:
    text: str = "Hello."
    counts: list = field(default_factory=lambda: [11, 7])


class Client:
    def ask(self, question, *, is_streamed=False):
        if question == "absent":
            raise LookupError("no such model")
        return self._pieces() if is_streamed else Answer()

    def _pieces(self):
        yield Answer("Hel", [])
        yield Answer("lo.")


# What is known of it, and what is wrong with that


class Right(ProviderInstrumentation):
    module = __name__

    def targets(self):
        return [Target(module=__name__, name="Client.ask")]

    def read_request(self, target, args, kwargs):
        return LLMCall(operation="chat", provider="some", model="m")

    def read_response(self, call, response):
        if response is not None:
            self.read_stream(call, [response])

    def read_stream(self, call, chunks):
        text = "".join(chunk.text for chunk in chunks)
        parts = [{"type": "text", "content": text}]
        call.output_messages = [{"role": "assistant", "parts": parts}]
        for chunk in chunks:
            if chunk.counts:
                call.usage.input_tokens, call.usage.output_tokens = chunk.counts


def wrong(**methods):
    return type("Wrong", (Right,), methods)


def changing(**values):
    """Return an instrumentation that ends with other values of the call than the right one."""

    def read_response(self, call, response):
        Right.read_response(self, call, response)
        for name, value in values.items():
            setattr(call, name, value)

    return wrong(read_response=read_response)


def asking(**values):
    """Return one that begins with other values."""

    def read_request(self, *asked):
        return replace(Right.read_request(self, *asked), **values)

    return wrong(read_request=read_request)


def raising(*_args):
    raise ValueError("a mistake")


def taking_counts(self, call, chunks):
    Right.read_stream(self, call, chunks)
    for chunk in chunks:
        chunk.counts.clear()


def swapping(self, call, chunks):
    Right.read_stream(self, call, chunks)
    usage = call.usage
    usage.input_tokens, usage.output_tokens = usage.output_tokens, usage.input_tokens


def telling_of_floats(self, call, chunks):
    Right.read_stream(self, call, chunks)
    call.usage.input_tokens = 11.0


WRONG = {
    "read_request raises": wrong(read_request=raising),
    "read_request finds no call": wrong(read_request=lambda *_: None),
    "read_response raises": wrong(read_response=raising),
    "read_response does not expect that there is none": wrong(
        read_response=lambda _, call, answer: Right.read_stream(_, call, [answer])
    ),
    "read_response tells nothing": wrong(read_response=lambda *_: None),
    "read_stream raises": wrong(read_stream=raising),
    "read_stream tells nothing": wrong(read_stream=lambda *_: None),
    "read_stream changes what the program has": wrong(read_stream=taking_counts),
    "read_error raises": wrong(read_error=raising),
    "targets raises": wrong(targets=raising),
    "targets are not there": wrong(targets=lambda _: [Target(module=__name__, name="Client.say")]),
    "everything is a stream": wrong(is_stream=lambda *_: True),
    "nothing is a stream": wrong(is_stream=lambda *_: False),
    "no operation": asking(operation=""),
    "no provider": asking(provider=""),
    "counts are swapped": wrong(read_stream=swapping),
    "counts are no whole numbers": wrong(read_stream=telling_of_floats),
    "no reason": changing(finish_reasons=[None]),
    "messages of another form": changing(
        output_messages=[{"role": "assistant", "content": "Hello."}]
    ),
    "messages are objects": changing(output_messages=[Answer()]),
    "messages are text": changing(output_messages="Hello."),
    "an id that is no text": changing(response_id=7),
}

chosen = Right


def instrumentation(manager):
    """Return what the contract is to look at."""
    return chosen(manager)


instrumentation.module = __name__


class Contract(ProviderContract):
    path = f"{__name__}:instrumentation"
    attributes: ClassVar = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}

    def call(self):
        return Client().ask("Hi")

    def stream(self):
        return Client().ask("Hi", is_streamed=True)

    def fail(self):
        return Client().ask("absent")


def failures():
    """Run the contract; return the names of the tests that fail."""
    failed = []
    for name in dir(Contract):
        if name.startswith("test_"):
            try:
                getattr(Contract(), name)()
            except (AssertionError, ValueError):
                failed.append(name)
    return failed


@pytest.fixture(autouse=True)
def _as_for_a_user():
    guard.be_strict(False)


def test_what_is_right_passes():
    assert failures() == []


@pytest.mark.parametrize("kind", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_noticed(kind, monkeypatch):
    monkeypatch.setitem(globals(), "chosen", kind)

    assert failures() != []
