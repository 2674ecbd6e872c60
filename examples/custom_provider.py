"""Record calls of an SDK that AgentOps does not know: ollama, in fewer than sixty lines.

Name the functions to hook and say how to read what goes in and comes out; spans, events, streams,
errors, timing and undoing are the engine's part. Run it beside a model server: `ollama serve`.
"""

import agentops
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target


class OllamaInstrumentation(ProviderInstrumentation):
    module = "ollama"

    def targets(self):  # where all calls pass, also those of `ollama.chat`
        yield Target(module="ollama", name="Client._request")
        yield Target(module="ollama", name="AsyncClient._request", is_async=True)

    def read_request(self, target, args, kwargs):  # before the call: references only, nothing slow
        if "/api/chat" in args:
            body = kwargs["json"]
            call = LLMCall(operation="chat", provider="ollama", model=body["model"])
            call.request = body["messages"]
            return call

    def read_response(self, call, response):  # after it, on a thread of AgentOps
        call.input_messages = [message_of(each) for each in call.request]
        if response is not None:
            self.read_stream(call, [response])

    def read_stream(self, call, chunks):  # the chunks the program read
        call.input_messages = [message_of(each) for each in call.request]
        text = "".join(chunk.message.content or "" for chunk in chunks)
        answer = {"role": "assistant", "parts": [{"type": "text", "content": text}]}
        call.output_messages = [answer]
        for last in chunks[-1:]:
            call.response_model = last.model or ""
            call.usage.input_tokens = last.prompt_eval_count
            call.usage.output_tokens = last.eval_count
            call.finish_reasons = [last.done_reason or "error"]


def message_of(message):
    part = {"type": "text", "content": message.get("content") or ""}
    return {"role": message["role"], "parts": [part]}


def main():
    import ollama

    agentops.init(instrument=["openai", f"{__name__}:OllamaInstrumentation"])
    with agentops.session("custom provider"):
        question = [{"role": "user", "content": "Why is the sky blue?"}]
        print(ollama.Client().chat(model="llama3.2", messages=question).message.content)


if __name__ == "__main__":
    main()
