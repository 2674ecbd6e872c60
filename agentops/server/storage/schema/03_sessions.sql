-- One line for each session, aggregated as spans and events arrive. The tuples hold a rank or a time
-- first, so that min and max choose the value that counts.
CREATE TABLE IF NOT EXISTS $database.$sessions $on_cluster (
    project_id LowCardinality(String),
    session_id String,
    start_ns SimpleAggregateFunction(min, Int64),
    end_ns SimpleAggregateFunction(max, Int64),
    received_ns SimpleAggregateFunction(max, Int64),
    span_count SimpleAggregateFunction(sum, Int64),
    llm_count SimpleAggregateFunction(sum, Int64),
    tool_count SimpleAggregateFunction(sum, Int64),
    error_count SimpleAggregateFunction(sum, Int64),
    input_tokens SimpleAggregateFunction(sum, Int64),
    output_tokens SimpleAggregateFunction(sum, Int64),
    cache_read_tokens SimpleAggregateFunction(sum, Int64),
    reasoning_tokens SimpleAggregateFunction(sum, Int64),
    cost_nano_usd SimpleAggregateFunction(sum, Int64),
    priced_count SimpleAggregateFunction(sum, Int64),
    time_llm_ns SimpleAggregateFunction(sum, Int64),
    time_tool_ns SimpleAggregateFunction(sum, Int64),
    announced SimpleAggregateFunction(max, UInt8),
    -- rank 3: session span, 2: session.end, 1: root span of a trace without a session span, 0: none
    root SimpleAggregateFunction(max, Tuple(rank UInt8, time_ns Int64, is_error UInt8, end_state String)),
    name SimpleAggregateFunction(max, Tuple(rank UInt8, time_ns Int64, text String)),
    service SimpleAggregateFunction(max, Tuple(rank UInt8, time_ns Int64, text String)),
    input SimpleAggregateFunction(min, Tuple(rank UInt8, time_ns Int64, text String)),
    output SimpleAggregateFunction(max, Tuple(rank UInt8, time_ns Int64, text String)),
    error SimpleAggregateFunction(max, Tuple(time_ns Int64, trace_id String, span_id String,
        span_name String, type String, message String, location String)),
    agents SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tools SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    models SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    tags SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    services SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    users SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = $aggregating
ORDER BY (project_id, session_id)
$ttl_start
