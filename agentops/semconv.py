"""Which names do attributes, events and headers bear? Ground floor; the only place they are spelled.

GenAI names follow the OpenTelemetry GenAI semantic conventions, schema 1.42.0 (all in development);
session, user, error, server and service names the core conventions 1.44.0. The unit or the shape of a
value stands in the comment behind its name.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

# OpenTelemetry GenAI: requests, responses, usage, tools, agents
GEN_AI_AGENT_DESCRIPTION: Final = "gen_ai.agent.description"  # string
GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"  # string
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"  # string
GEN_AI_AGENT_VERSION: Final = "gen_ai.agent.version"  # string
GEN_AI_CONVERSATION_COMPACTED: Final = "gen_ai.conversation.compacted"  # boolean
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"  # string
GEN_AI_DATA_SOURCE_ID: Final = "gen_ai.data_source.id"  # string
GEN_AI_EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"  # int
GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"  # string
GEN_AI_INPUT_MESSAGES: Final = (
    "gen_ai.input.messages"  # messages in the JSON shape of the conventions
)
GEN_AI_MEMORY_QUERY_TEXT: Final = "gen_ai.memory.query.text"  # string
GEN_AI_MEMORY_RECORDS: Final = "gen_ai.memory.records"  # any
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"  # string enum
GEN_AI_OUTPUT_MESSAGES: Final = (
    "gen_ai.output.messages"  # messages in the JSON shape of the conventions
)
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"  # string enum
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"  # string
GEN_AI_PROMPT_VARIABLE: Final = "gen_ai.prompt.variable"  # prefix: .{name}, content
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"  # string
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"  # string enum
GEN_AI_REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"  # int
GEN_AI_REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"  # string[]
GEN_AI_REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"  # double
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"  # int
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"  # string
GEN_AI_REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"  # double
GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"  # string
GEN_AI_REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"  # string
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"  # int
GEN_AI_REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"  # string[]
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"  # boolean
GEN_AI_REQUEST_STREAM_CURSOR: Final = "gen_ai.request.stream_cursor"  # string
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"  # double
GEN_AI_REQUEST_TOP_K: Final = "gen_ai.request.top_k"  # int
GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"  # double
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"  # string[]
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"  # string
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"  # string
GEN_AI_RESPONSE_STATUS: Final = "gen_ai.response.status"  # string enum
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = (
    "gen_ai.response.time_to_first_chunk"  # double, seconds
)
GEN_AI_RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"  # any
GEN_AI_RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"  # string
GEN_AI_RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"  # int
GEN_AI_SYSTEM_INSTRUCTIONS: Final = (
    "gen_ai.system_instructions"  # messages in the JSON shape of the conventions
)
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"  # string enum
GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"  # any
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"  # string
GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"  # any
GEN_AI_TOOL_DEFINITIONS: Final = (
    "gen_ai.tool.definitions"  # messages in the JSON shape of the conventions
)
GEN_AI_TOOL_DESCRIPTION: Final = "gen_ai.tool.description"  # string
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"  # string
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"  # string
GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS: Final = (
    "gen_ai.usage.audio.cache_read.input_tokens"  # int, tokens
)
GEN_AI_USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"  # int, tokens
GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"  # int, tokens
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"  # int, tokens
GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = (
    "gen_ai.usage.cache_write.input_tokens"  # int, tokens
)
GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS: Final = (
    "gen_ai.usage.image.cache_read.input_tokens"  # int, tokens
)
GEN_AI_USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"  # int, tokens
GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"  # int, tokens
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"  # int, tokens
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"  # int, tokens
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"  # int, tokens
GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS: Final = (
    "gen_ai.usage.text.cache_read.input_tokens"  # int, tokens
)
GEN_AI_USAGE_TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"  # int, tokens
GEN_AI_USAGE_TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"  # int, tokens
GEN_AI_WORKFLOW_NAME: Final = "gen_ai.workflow.name"  # string
OPENAI_API_TYPE: Final = "openai.api.type"  # string enum
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"  # string enum
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"  # string
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"  # string
OPENAI_IMAGE_GENERATION_INPUT_TOKENS: Final = (
    "openai.usage.image_generation.input_tokens"  # int, tokens
)
OPENAI_IMAGE_GENERATION_OUTPUT_TOKENS: Final = (
    "openai.usage.image_generation.output_tokens"  # int, tokens
)
OPENAI_BATCH_REQUESTS: Final = "openai.batch.request_counts"  # prefix of int counts
OPENAI_BATCH_USAGE: Final = "openai.batch.usage"  # prefix of int sums, tokens

# Anthropic: the names its SDK gives these values on spans of its own
ANTHROPIC_REQUEST_SERVICE_TIER: Final = "anthropic.request.service_tier"  # string
ANTHROPIC_RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"  # string
ANTHROPIC_THINKING_TYPE: Final = "anthropic.thinking.type"  # string
ANTHROPIC_THINKING_BUDGET_TOKENS: Final = "anthropic.thinking.budget_tokens"  # int, tokens
ANTHROPIC_CACHE_WRITE_5M_TOKENS: Final = (
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"  # int, tokens
)
ANTHROPIC_CACHE_WRITE_1H_TOKENS: Final = (
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"  # int, tokens
)
ANTHROPIC_COMPACTION_INPUT_TOKENS: Final = "anthropic.usage.compaction.input_tokens"  # int, tokens
ANTHROPIC_COMPACTION_OUTPUT_TOKENS: Final = (
    "anthropic.usage.compaction.output_tokens"  # int, tokens
)
ANTHROPIC_ADVISOR_INPUT_TOKENS: Final = "anthropic.usage.advisor.input_tokens"  # int, tokens
ANTHROPIC_ADVISOR_OUTPUT_TOKENS: Final = "anthropic.usage.advisor.output_tokens"  # int, tokens
ANTHROPIC_ORGANIZATION_ID: Final = "anthropic.organization.id"  # string
ANTHROPIC_BATCH_SIZE: Final = "anthropic.batch.size"  # int, requests submitted
ANTHROPIC_BATCH_STATUS: Final = "anthropic.batch.processing_status"  # string
ANTHROPIC_BATCH_REQUESTS: Final = "anthropic.batch.request_counts"  # prefix of int counts
ANTHROPIC_BATCH_RESULTS: Final = "anthropic.batch.results"  # prefix of int counts
ANTHROPIC_BATCH_USAGE: Final = "anthropic.batch.usage"  # prefix of int sums, tokens
ANTHROPIC_SERVER_TOOL_USE: Final = "anthropic.usage.server_tool_use"  # prefix of int counts

# OpenTelemetry core: who, where, what went wrong
SESSION_ID: Final = "session.id"  # string, UUID
USER_ID: Final = "user.id"  # string
ERROR_TYPE: Final = "error.type"  # string
SERVER_ADDRESS: Final = "server.address"  # string
SERVER_PORT: Final = "server.port"  # int
SERVICE_NAME: Final = "service.name"  # string
EXCEPTION_TYPE: Final = "exception.type"  # string
EXCEPTION_MESSAGE: Final = "exception.message"  # string
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"  # string
HTTP_REQUEST_METHOD: Final = "http.request.method"  # string
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"  # int
URL_PATH: Final = "url.path"  # string
RPC_SYSTEM_NAME: Final = "rpc.system.name"  # string
RPC_METHOD: Final = "rpc.method"  # string: full name, without the first slash
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"  # string
MESSAGING_SYSTEM: Final = "messaging.system"  # string
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"  # string
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"  # string
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"  # string
CODE_FUNCTION_NAME: Final = "code.function.name"  # string
CODE_FILE_PATH: Final = "code.file.path"  # string
CODE_LINE_NUMBER: Final = "code.line.number"  # int

# AgentOps: what no convention names yet
AGENTOPS_SPAN_KIND: Final = (
    "agentops.span.kind"  # session, agent, task, tool, workflow, guardrail, llm
)
AGENTOPS_SESSION_NAME: Final = "agentops.session.name"  # string
AGENTOPS_SESSION_END_STATE: Final = "agentops.session.end_state"  # Success, Fail or Indeterminate
AGENTOPS_SESSION_END_REASON: Final = "agentops.session.end_reason"  # string
AGENTOPS_SESSION_VIDEO: Final = "agentops.session.video"  # string, URL of a recording
AGENTOPS_TAGS: Final = "agentops.tags"  # string array
AGENTOPS_AGENT_ID: Final = "agentops.agent.id"  # string
AGENTOPS_COST_USD: Final = "agentops.cost.usd"  # double, US dollars
AGENTOPS_COST_UNKNOWN: Final = "agentops.cost.unknown"  # boolean: a part of the call has no price
AGENTOPS_REQUEST_ID: Final = (
    "agentops.response.request_id"  # string, id the provider gave the HTTP exchange
)
AGENTOPS_RETRY_COUNT: Final = "agentops.retry_count"  # int, resends made by the vendor SDK
AGENTOPS_RATE_LIMIT: Final = (
    "agentops.response.rate_limit"  # prefix: .remaining_tokens int, .reset_tokens string ...
)
AGENTOPS_PROCESSING_MS: Final = "agentops.response.processing_ms"  # int, as the provider told
AGENTOPS_STREAM_END: Final = (
    "agentops.response.stream_end"  # closed, abandoned or error; absent: the stream was complete
)
AGENTOPS_REQUEST_OUTPUT_SCHEMA: Final = "agentops.request.output_schema"  # JSON schema, content
AGENTOPS_REQUEST_MAX_INPUT_TOKENS: Final = "agentops.request.max_input_tokens"  # int, tokens
AGENTOPS_TOKEN_COUNT: Final = "agentops.token_count"  # int, tokens counted, none of them used
AGENTOPS_ACCEPTED_PREDICTION_TOKENS: Final = (
    "agentops.usage.accepted_prediction_tokens"  # int, tokens
)
AGENTOPS_REJECTED_PREDICTION_TOKENS: Final = (
    "agentops.usage.rejected_prediction_tokens"  # int, tokens
)
AGENTOPS_AUDIO_SECONDS: Final = "agentops.usage.audio_seconds"  # double, seconds
AGENTOPS_INPUT: Final = "agentops.input"  # arguments of a decorated function, JSON text
AGENTOPS_OUTPUT: Final = "agentops.output"  # result of a decorated function, JSON text
AGENTOPS_GUARDRAIL_SPEC: Final = "agentops.guardrail.spec"  # input or output
AGENTOPS_STEP_VERSION: Final = "agentops.step.version"  # string, the program's own words
AGENTOPS_EVENT_ID: Final = "agentops.event.id"  # string, UUID
AGENTOPS_EVENT_TYPE: Final = (
    "agentops.event.type"  # llms, actions, tools, errors or the program's own
)
AGENTOPS_SAMPLING_WEIGHT: Final = "agentops.sampling.weight"  # double, spans this one stands for
AGENTOPS_TRUNCATED: Final = "agentops.truncated"  # string array, keys of attributes that were cut

# Names of metrics that no span tells by itself
METRIC_TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.inference.time_per_output_chunk"  # seconds

# Names of log records: OpenTelemetry session events, and AgentOps events
EVENT_SESSION_START: Final = "session.start"
EVENT_SESSION_END: Final = "session.end"
EVENT_AGENTOPS_LLM: Final = "agentops.llm"
EVENT_AGENTOPS_ACTION: Final = "agentops.action"
EVENT_AGENTOPS_TOOL: Final = "agentops.tool"
EVENT_AGENTOPS_ERROR: Final = "agentops.error"
EVENT_AGENTOPS_CUSTOM: Final = "agentops.custom"
