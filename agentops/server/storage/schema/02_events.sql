-- AgentOps events and log records; read by session, in time order.
CREATE TABLE IF NOT EXISTS $database.$events $on_cluster (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    event_type LowCardinality(String),
    time_ns Int64 CODEC(Delta, ZSTD(1)),
    end_ns Int64 CODEC(Delta, ZSTD(1)),
    severity Int64 CODEC(T64, ZSTD(1)),
    body String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    scope_name LowCardinality(String),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    session_key String CODEC(ZSTD(1)),
    digest UInt64,
    received_ns Int64 DEFAULT toUnixTimestamp64Nano(now64(9)) CODEC(Delta, ZSTD(1))
)
ENGINE = $replacing
PARTITION BY toYYYYMMDD(fromUnixTimestamp64Nano(time_ns, 'UTC'))
ORDER BY (project_id, session_key, time_ns, event_id)
$ttl_time
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
