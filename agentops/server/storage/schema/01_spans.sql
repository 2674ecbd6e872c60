-- Every span as it was received, with the uniform columns that ingest computed.
-- A span that is sent again with other content replaces the older row: by merges where the sorting key
-- is the same, by the writer (a delete) where it is not; readers take the newest row of an id meanwhile.
CREATE TABLE IF NOT EXISTS $database.$spans $on_cluster (
    project_id LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags Int64 CODEC(T64, ZSTD(1)),
    name LowCardinality(String),
    kind LowCardinality(String),
    start_ns Int64 CODEC(Delta, ZSTD(1)),
    end_ns Int64 CODEC(Delta, ZSTD(1)),
    status_code LowCardinality(String),
    status_message String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    dropped_attributes Int64 CODEC(T64, ZSTD(1)),
    dropped_events Int64 CODEC(T64, ZSTD(1)),
    dropped_links Int64 CODEC(T64, ZSTD(1)),
    events Array(Tuple(time_ns Int64, name String, attributes String)) CODEC(ZSTD(1)),
    links Array(Tuple(trace_id String, span_id String, attributes String)) CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    session_name String CODEC(ZSTD(1)),
    span_type LowCardinality(String),
    operation LowCardinality(String),
    provider LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    agent_name LowCardinality(String),
    tool_name LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    conversation_id String CODEC(ZSTD(1)),
    tags Array(LowCardinality(String)),
    input_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    output_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    cache_read_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    cache_write_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    reasoning_tokens Nullable(Int64) CODEC(T64, ZSTD(1)),
    counts_usage Bool,
    cost_usd Nullable(Float64) CODEC(ZSTD(1)),
    time_to_first_chunk_ns Nullable(Int64) CODEC(T64, ZSTD(1)),
    finish_reasons Array(LowCardinality(String)),
    error_type LowCardinality(String),
    error_message String CODEC(ZSTD(1)),
    error_location String CODEC(ZSTD(1)),
    input_messages String CODEC(ZSTD(1)),
    output_messages String CODEC(ZSTD(1)),
    system_instructions String CODEC(ZSTD(1)),
    tool_definitions String CODEC(ZSTD(1)),
    end_state LowCardinality(String),
    weight Float64 CODEC(ZSTD(1)),
    -- set by the writer: the session that shows the span (its trace id when no session was told), and a
    -- digest of the row as it was accepted, by which a resent span is known
    session_key String CODEC(ZSTD(1)),
    digest UInt64,
    received_ns Int64 DEFAULT toUnixTimestamp64Nano(now64(9)) CODEC(Delta, ZSTD(1)),
    -- 0: a message of a model call; 1: what the program itself told; 2: nothing to show
    input_preview Tuple(UInt8, String) MATERIALIZED $input_preview CODEC(ZSTD(1)),
    output_preview Tuple(UInt8, String) MATERIALIZED $output_preview CODEC(ZSTD(1)),
    PROJECTION by_trace (SELECT _part_offset ORDER BY trace_id),
    PROJECTION by_session (SELECT _part_offset ORDER BY session_key)
)
ENGINE = $replacing
PARTITION BY toYYYYMMDD(fromUnixTimestamp64Nano(start_ns, 'UTC'))
ORDER BY (project_id, start_ns, trace_id, span_id)
$ttl_start
SETTINGS deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild',
    ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
