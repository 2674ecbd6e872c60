"""More ways to use the openai package: responses and the smaller endpoints; they join the others."""

import openai

from support.openai_surface import Answer, seen, seen_stream, sync

RESPONSE = {"model": "gpt-5", "input": "Hi"}


# Responses


@sync()
def response_create(wire):
    return seen(wire.client().responses.create(**RESPONSE))


@sync()
def response_stream(wire):
    stream = wire.client().responses.create(**RESPONSE, stream=True)
    return seen_stream(stream), [seen(event) for event in stream]


@sync()
def response_stream_break_in_with(wire):
    with wire.client().responses.create(**RESPONSE, stream=True) as stream:
        event = next(iter(stream))
    return event.type


@sync()
def response_parse(wire):
    parsed = wire.client().responses.parse(**RESPONSE, text_format=Answer)
    return seen(parsed), parsed.output_parsed


@sync()
def response_stream_helper(wire):
    with wire.client().responses.stream(**RESPONSE) as stream:
        events = [event.type for event in stream]
        return type(stream), events, seen(stream.get_final_response())


@sync()
def response_background(wire):
    return seen(wire.client().responses.create(**RESPONSE, background=True))


@sync()
def response_retrieve(wire):
    return seen(wire.client().responses.retrieve("resp_1234567890"))


@sync()
def response_retrieve_stream(wire):
    stream = wire.client().responses.retrieve("resp_1234567890", stream=True)
    return seen_stream(stream), len(list(stream))


@sync()
def response_cancel(wire):
    return seen(wire.client().responses.cancel("resp_1234567890"))


@sync()
def response_compact(wire):
    return seen(wire.client().responses.compact(model="gpt-5", input="Hi"))


@sync()
def response_input_tokens(wire):
    return seen(wire.client().responses.input_tokens.count(model="gpt-5", input="Hi"))


@sync()
def response_raw(wire):
    raw = wire.client().responses.with_raw_response.create(**RESPONSE)
    return type(raw), raw.headers["x-request-id"], seen(raw.parse())


@sync()
def response_streaming_response(wire):
    with wire.client().responses.with_streaming_response.create(**RESPONSE) as response:
        return type(response), response.read()


@sync()
def beta_response_create(wire):
    return seen(wire.client().beta.responses.create(**RESPONSE))


# Everything else


@sync()
def embeddings(wire):
    return seen(wire.client().embeddings.create(model="text-embedding-3-small", input="Hi"))


@sync()
def completions(wire):
    return seen(wire.client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi"))


@sync()
def completions_stream(wire):
    client = wire.client()
    stream = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Hi", stream=True)
    return seen_stream(stream), [seen(chunk) for chunk in stream]


@sync()
def images_generate(wire):
    return seen(wire.client().images.generate(model="gpt-image-1", prompt="A cat"))


@sync()
def images_generate_stream(wire):
    stream = wire.client().images.generate(model="gpt-image-1", prompt="A cat", stream=True)
    return seen_stream(stream), [seen(event) for event in stream]


@sync()
def images_edit(wire):
    image = ("a.png", b"\x89PNG")
    return seen(wire.client().images.edit(model="gpt-image-1", image=image, prompt="A dog"))


@sync()
def images_variation(wire):
    return seen(wire.client().images.create_variation(image=("a.png", b"\x89PNG")))


@sync()
def speech(wire):
    made = wire.client().audio.speech.create(model="tts-1", voice="alloy", input="Hi")
    return type(made), made.read()


@sync()
def speech_streamed(wire):
    create = wire.client().audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="alloy", input="Hi") as response:
        return type(response), b"".join(response.iter_bytes())


@sync()
def transcription(wire):
    create = wire.client().audio.transcriptions.create
    return seen(create(model="gpt-transcribe", file=("a.wav", b"RIFF")))


@sync()
def translation(wire):
    return seen(wire.client().audio.translations.create(model="whisper-1", file=("a.wav", b"RIFF")))


@sync()
def moderations(wire):
    return seen(wire.client().moderations.create(input="Hi"))


@sync()
def assistants(wire):
    return seen(wire.client().beta.assistants.create(model="gpt-5"))


@sync()
def run_create(wire):
    runs = wire.client().beta.threads.runs
    return seen(runs.create(thread_id="thread_abc", assistant_id="asst_abc"))


@sync(spans=2)
def run_create_and_poll(wire):
    runs = wire.client().beta.threads.runs
    return seen(runs.create_and_poll(thread_id="thread_abc", assistant_id="asst_abc"))


@sync()
def run_stream(wire):
    heard = []

    class Handler(openai.AssistantEventHandler):
        def on_text_delta(self, delta, snapshot):
            heard.append(delta.value)

    handler = Handler()
    runs = wire.client().beta.threads.runs
    arguments = {"thread_id": "thread_abc", "assistant_id": "asst_abc"}
    with runs.stream(**arguments, event_handler=handler) as stream:
        stream.until_done()
    return stream is handler, heard, seen(stream.current_run)


@sync()
def thread_create_and_run(wire):
    return seen(wire.client().beta.threads.create_and_run(assistant_id="asst_abc"))


@sync()
def batches(wire):
    create = wire.client().batches.create
    return seen(create(input_file_id="file-1", endpoint="/v1/responses", completion_window="24h"))


@sync()
def conversations(wire):
    return seen(wire.client().conversations.create())


@sync()
def vector_store_search(wire):
    page = wire.client().vector_stores.search("vs_abc", query="Hi")
    return type(page), [seen(each) for each in page]


@sync()
def videos(wire):
    return seen(wire.client().videos.create(model="sora-2", prompt="A cat"))


@sync()
def decisions(wire):
    questions = [{"type": "predicate", "question": "Is it?"}]
    return seen(wire.client().decisions.create(model="gpt-6-luna", input="Hi", questions=questions))


@sync()
def models_list(wire):
    return [seen(model) for model in wire.client().models.list()]


@sync()
def files_create(wire):
    return seen(wire.client().files.create(file=("a.txt", b"Hi"), purpose="batch"))
