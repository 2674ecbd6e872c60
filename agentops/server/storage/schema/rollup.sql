SELECT
    project_id,
    session_key AS session_id,
    min(s.start_ns) AS start_ns,
    max(s.end_ns) AS end_ns,
    max(s.received_ns) AS received_ns,
    toInt64(count()) AS span_count,
    toInt64(countIf(span_type = 'llm')) AS llm_count,
    toInt64(countIf(span_type = 'tool')) AS tool_count,
    toInt64(countIf(status_code = 'error')) AS error_count,
    sumIf(ifNull(s.input_tokens, 0), counts_usage) AS input_tokens,
    sumIf(ifNull(s.output_tokens, 0), counts_usage) AS output_tokens,
    sumIf(ifNull(s.cache_read_tokens, 0), counts_usage) AS cache_read_tokens,
    sumIf(ifNull(s.reasoning_tokens, 0), counts_usage) AS reasoning_tokens,
    sumIf(toInt64(round(ifNull(s.cost_usd, 0) * 1e9)), counts_usage) AS cost_nano_usd,
    toInt64(countIf(isNotNull(s.cost_usd) AND counts_usage)) AS priced_count,
    sumIf(greatest(s.end_ns - s.start_ns, 0), span_type IN ('llm', 'embedding')) AS time_llm_ns,
    sumIf(greatest(s.end_ns - s.start_ns, 0), span_type IN ('tool', 'retrieval')) AS time_tool_ns,
    max(toUInt8(0)) AS announced,
    max(tuple(
        toUInt8(multiIf(span_type = 'session', 3, parent_span_id = '', 1, 0)),
        if(span_type = 'session', s.received_ns, s.end_ns),
        toUInt8(status_code = 'error' OR lower(s.end_state) IN ('fail', 'failed', 'failure', 'error')),
        toString(s.end_state)
    )) AS root,
    max(tuple(
        toUInt8(multiIf(s.session_name != '', 3, span_type = 'session', 2, parent_span_id = '', 1, 0)),
        -s.start_ns,
        if(s.session_name != '', s.session_name, toString(s.name))
    )) AS name,
    max(tuple(
        toUInt8(multiIf(span_type = 'session', 2, parent_span_id = '', 1, 0)),
        -s.start_ns,
        toString(s.service_name)
    )) AS service,
    min(tuple(s.input_preview.1, s.start_ns, s.input_preview.2)) AS input,
    -- What an agent said last comes before what a check outside every agent said after it.
    max(tuple(
        toUInt8(2 - s.output_preview.1 + (s.output_preview.1 = 0 AND s.agent_name != '')),
        s.end_ns,
        s.output_preview.2
    )) AS output,
    max(if(status_code = 'error',
        tuple(s.start_ns, s.trace_id, s.span_id, toString(s.name), toString(s.error_type),
            if(s.error_message = '', s.status_message, s.error_message), s.error_location),
        tuple(toInt64(0), '', '', '', '', '', ''))) AS error,
    groupUniqArrayArray(if(s.agent_name = '', [], [toString(s.agent_name)])) AS agents,
    groupUniqArrayArray(if(s.tool_name = '', [], [toString(s.tool_name)])) AS tools,
    groupUniqArrayArray(arrayFilter(m -> m != '', [toString(if(s.response_model = '', s.request_model, s.response_model))])) AS models,
    groupUniqArrayArray(arrayMap(t -> toString(t), s.tags)) AS tags,
    groupUniqArrayArray(if(s.service_name = '', [], [toString(s.service_name)])) AS services,
    groupUniqArrayArray(if(s.user_id = '', [], [s.user_id])) AS users
