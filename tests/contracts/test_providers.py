"""Every provider of ours, and the example of one that is not, keeps the contract."""

import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import anthropic
import ollama
import pytest
from support.anthropic_wire import Wire as AnthropicWire
from support.anthropic_wire import httpx2
from support.openai_wire import Wire

from agentops.testing import ProviderContract

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


class TestOpenAI(ProviderContract):
    path = "openai"

    def call(self):
        return Wire().client().chat.completions.create(**ASKED)

    def stream(self):
        return Wire().client().chat.completions.create(**ASKED, stream=True)

    def fail(self):
        return Wire(status=429).client().chat.completions.create(**ASKED)


class TestOpenAIResponses(TestOpenAI):
    def call(self):
        return Wire().client().responses.create(model="m", input="Hi")

    def stream(self):
        return Wire().client().responses.create(model="m", input="Hi", stream=True)


class TestAnthropic(ProviderContract):
    path = "anthropic"

    def call(self):
        return AnthropicWire().client().messages.create(**ASKED, max_tokens=9)

    def stream(self):
        return AnthropicWire().client().messages.create(**ASKED, max_tokens=9, stream=True)

    def fail(self):
        transport = httpx2.MockTransport(lambda _: httpx2.Response(529, json={}))
        client = anthropic.Anthropic(
            api_key="x", max_retries=0, http_client=httpx2.Client(transport=transport)
        )
        client.messages.create(**ASKED, max_tokens=9)


# The example of a custom provider, over real HTTP


class Server(BaseHTTPRequestHandler):
    """Speaks ollama's protocol: lines of JSON."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(404 if asked["model"] == "absent" else 200)
        self.end_headers()
        if asked["model"] == "absent":
            self.wfile.write(b'{"error": "model not found"}')
            return
        words = ["Hel", "lo."] if asked.get("stream") else ["Hello."]
        for word in words:
            line = {"model": "llama3.2", "message": {"role": "assistant", "content": word}}
            if word == words[-1]:
                line |= {"done": True, "done_reason": "stop"}
                line |= {"prompt_eval_count": 11, "eval_count": 7}
            self.wfile.write(json.dumps(line).encode() + b"\n")

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def address():
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def example():
    path = Path(__file__).parents[2] / "examples" / "custom_provider.py"
    spec = importlib.util.spec_from_file_location("custom_provider_example", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["custom_provider_example"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["custom_provider_example"]


@pytest.mark.usefixtures("example")
class TestCustomProviderExample(ProviderContract):
    path = "custom_provider_example:OllamaInstrumentation"

    @pytest.fixture(autouse=True)
    def _address(self, address):
        self.client = ollama.Client(host=address)
        yield
        self.client._client.close()

    def call(self):
        return self.client.chat(**ASKED)

    def stream(self):
        return self.client.chat(**ASKED, stream=True)

    def fail(self):
        return self.client.chat(**{**ASKED, "model": "absent"})

    def test_a_method_that_was_bound_before_is_recorded_with_its_model(self):
        chat = self.client.chat  # as `ollama.chat` is
        with self._recording() as recorded:
            chat("m", ASKED["messages"])
            assert [span.name for span in recorded.spans] == ["chat m"]

    def test_values_are_those_of_the_answer(self):
        with self._recording() as recorded:
            list(self.stream())
            [span] = recorded.spans

        assert span.name == "chat m"
        assert span.attributes["gen_ai.usage.input_tokens"] == 11
        assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]
        assert json.loads(span.attributes["gen_ai.output.messages"])[0]["parts"] == [
            {"type": "text", "content": "Hello."}
        ]


def test_the_example_is_short():
    path = Path(__file__).parents[2] / "examples" / "custom_provider.py"

    assert len(path.read_text().splitlines()) < 60
