// Made by `npm run types` from the server's OpenAPI document. Do not edit.
export interface paths {
    "/api/v1/sessions": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** Sessions that match, newest first */
        get: operations["listSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/summary": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** Totals and a histogram over the sessions that match */
        get: operations["summarizeSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{session_id}": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** One session, by its id or a unique prefix of at least 6 characters */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{session_id}/skeleton": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** Every span of a session, by columns */
        get: operations["getSkeleton"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{session_id}/messages": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** The session as one conversation */
        get: operations["getTranscript"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{session_id}/events": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** Events and log records of a session, oldest first */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/spans/{trace_id}/{span_id}": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** One span with its content */
        get: operations["getSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces/{trace_id}": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** The session that shows a trace */
        get: operations["locateTrace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** How the server is doing */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** Live updates: session.upsert (SessionRow), span.batch (SpanBatch), reset */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        /** This document */
        get: operations["getOpenapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** * SessionList * @description A page of sessions, newest first. * *         Attributes: *             next_cursor: Give it back as ``cursor`` for the next page; ``None`` on the last. *             total: Sessions that match, exact up to 10 000. */
        SessionList: { sessions: components["schemas"]["SessionRow"][]; next_cursor: string | null; total: number; total_is_exact: boolean;
        };
        /** * SessionRow * @description One line of the session list. * *         Attributes: *             last_event_us: When its newest span ended. *             time_*_us: Self time by kind for the small bar; they need not add up to the duration. *             input_preview, output_preview: First input and last output, at most 200 characters each. */
        SessionRow: { session_id: string; name: string; service_name: string; /** @enum {unknown} */ status: "error" | "ok" | "running" | "stopped"; start_us: number; duration_us: number; last_event_us: number; span_count: number; llm_count: number; tool_count: number; agent_count: number; error_count: number; input_tokens: number; output_tokens: number; cost_usd: number | null; time_llm_us: number; time_tool_us: number; tags: string[]; models: string[]; user_id: string; input_preview: string; output_preview: string; error: components["schemas"]["ErrorBrief"] | null;
        };
        /** * ErrorBrief * @description The deepest error of a session. */
        ErrorBrief: { span_id: string; trace_id: string; span_name: string; type: string; message: string; location: string;
        };
        /** * SessionsSummary * @description Totals over the sessions that match a query. Percentiles are ``None`` below 20 sessions. * *         Attributes: *             oldest_us, newest_us: Range that holds data in the whole store, or ``None`` when it is empty. */
        SessionsSummary: { session_count: number; error_count: number; input_tokens: number; output_tokens: number; cost_usd: number | null; duration_p50_us: number | null; duration_p95_us: number | null; histogram: components["schemas"]["Histogram"]; oldest_us: number | null; newest_us: number | null;
        };
        /** * Histogram * @description Sessions over time: bucket ``i`` starts at ``start_us + i * bucket_us``. */
        Histogram: { start_us: number; bucket_us: number; counts: number[]; error_counts: number[];
        };
        /** * SessionDetail * @description One session. * *         Attributes: *             summary: The same row as in the list. *             end_state: What the program said: ``Success``, ``Fail``, ``Indeterminate`` or ``""``. *             service_names: Every service that took part. *             critical_path: Span ids from the root to the span that ended last at each level. *             cache_read_tokens: Part of the input tokens that came from a cache. *             previous_id, next_id: Neighbours in time, for paging through sessions. */
        SessionDetail: { summary: components["schemas"]["SessionRow"]; end_state: string; trace_ids: string[]; service_names: string[]; agents: string[]; cache_read_tokens: number; reasoning_tokens: number; critical_path: string[]; previous_id: string | null; next_id: string | null;
        };
        /** * Skeleton * @description Every span of a session by columns, ordered by start; the tree and waterfall are drawn from it. * *         All lists have one entry for each span. ``parent`` is an index into the same lists, ``-1`` for a root *         and ``-2`` where the parent has not been received. ``name``, ``service``, ``model`` and ``agent`` are *         indexes into ``strings``. ``type`` is an index into ``types``. ``status``: 0 unset, 1 ok, 2 error. *         Token and cost entries are ``None`` where nothing was told. */
        Skeleton: { session_id: string; origin_us: number; strings: string[]; types: string[]; span_id: string[]; trace_id: string[]; parent: number[]; start_us: number[]; duration_us: number[]; type: number[]; name: number[]; service: number[]; model: number[]; agent: number[]; status: number[]; input_tokens: (number | null)[]; output_tokens: (number | null)[]; cost_usd: (number | null)[];
        };
        /** * Transcript * @description The whole session as one conversation, repeated history left out. */
        Transcript: { session_id: string; turns: components["schemas"]["TranscriptTurn"][];
        };
        /** * TranscriptTurn * @description New messages that one span adds to the conversation. * *         Attributes: *             skipped: How many earlier messages this span repeated and that are left out here. *             depth: Nesting of agents, 0 at the session. */
        TranscriptTurn: { span_id: string; trace_id: string; span_name: string; type: string; agent_name: string; model: string; start_us: number; duration_us: number; status: string; depth: number; skipped: number; messages: components["schemas"]["Message"][]; error: components["schemas"]["ErrorBrief"] | null;
        };
        /** * Message * @description One chat message in the shape of the OTel GenAI conventions. * *         ``parts`` holds objects with a ``type``: ``text``, ``reasoning``, ``tool_call``, *         ``tool_call_response``, ``blob``, ``uri``, ``file``, or one not known yet. */
        Message: { role: string; parts: { [key: string]: unknown; }[]; /** @default  */ name: string; /** @default  */ finish_reason: string;
        };
        /** * EventList * @description Events of a session in time order; ``next_cursor`` as in :class:`SessionList`. */
        EventList: { events: components["schemas"]["EventDetail"][]; next_cursor: string | null;
        };
        /** * EventDetail * @description One AgentOps event or log record of a session. */
        EventDetail: { event_id: string; session_id: string; trace_id: string; span_id: string; event_name: string; event_type: string; time_us: number; severity: number; /** @description Any JSON value */ body: unknown; attributes: { [key: string]: unknown; };
        };
        /** * SpanDetail * @description One span with everything that is known of it; attribute values have their own JSON types. */
        SpanDetail: { trace_id: string; span_id: string; parent_span_id: string; session_id: string; name: string; type: string; kind: string; start_us: number; duration_us: number; status_code: string; status_message: string; service_name: string; scope_name: string; scope_version: string; operation: string; provider: string; request_model: string; response_model: string; agent_name: string; tool_name: string; input_tokens: number | null; output_tokens: number | null; cache_read_tokens: number | null; cache_write_tokens: number | null; reasoning_tokens: number | null; cost_usd: number | null; time_to_first_chunk_us: number | null; finish_reasons: string[]; error: components["schemas"]["ErrorBrief"] | null; system_instructions: { [key: string]: unknown; }[]; input_messages: components["schemas"]["Message"][]; output_messages: components["schemas"]["Message"][]; tool_definitions: { [key: string]: unknown; }[]; attributes: { [key: string]: unknown; }; resource_attributes: { [key: string]: unknown; }; dropped_attributes: number; events: components["schemas"]["SpanEventDetail"][]; links: components["schemas"]["SpanLinkDetail"][];
        };
        /** * SpanEventDetail * @description A point in time inside a span. */
        SpanEventDetail: { time_us: number; name: string; attributes: { [key: string]: unknown; };
        };
        /** * SpanLinkDetail * @description A reference to another span. */
        SpanLinkDetail: { trace_id: string; span_id: string; attributes: { [key: string]: unknown; };
        };
        /** * TraceLocation * @description Where a trace is shown. */
        TraceLocation: { trace_id: string; session_id: string;
        };
        /** * ServerStatus * @description How the server is doing. * *         Attributes: *             last_rejected: Newest request that was refused, with the reason in words; ``None`` if none was. */
        ServerStatus: { version: string; project_id: string; storage: string; is_empty: boolean; session_count: number; span_count: number; requests_received: number; spans_received: number; requests_rejected: number; last_rejected: string | null; receivers: components["schemas"]["ReceiverStatus"][];
        };
        /** * ReceiverStatus * @description One port the server listens on: ``protocol`` is ``http``, ``otlp/http`` or ``otlp/grpc``. */
        ReceiverStatus: { protocol: string; endpoint: string; is_listening: boolean; note: string;
        };
        /** * ErrorAnswer * @description Why a request was not answered. * *         Attributes: *             error: One sentence: what was seen, what was expected. *             position: Index into ``q`` of the character that was not understood, or ``None``. */
        ErrorAnswer: { error: string; /** @default null */ position: number | null;
        };
        /** * SpanBatch * @description Live message ``span.batch``: ``count`` spans of a session became visible. */
        SpanBatch: { session_id: string; count: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listSessions: {
        parameters: { query?: { /** @description Filter, such as: status:error model:gpt-4o* cost>0.01 "free text" */ q?: string; /** @description Earliest session start, µs since the Unix epoch */ from?: number; /** @description First session start left out, µs since the Unix epoch */ to?: number; /** @description Order, highest first */ sort?: "start" | "duration" | "cost" | "tokens"; /** @description next_cursor of the page before */ cursor?: string; /** @description Entries in the answer, 1 to 200 */ limit?: number; }; header?: never; path?: never; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description Sessions that match, newest first */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["SessionList"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    summarizeSessions: {
        parameters: { query?: { /** @description Filter, such as: status:error model:gpt-4o* cost>0.01 "free text" */ q?: string; /** @description Earliest session start, µs since the Unix epoch */ from?: number; /** @description First session start left out, µs since the Unix epoch */ to?: number; }; header?: never; path?: never; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description Totals and a histogram over the sessions that match */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["SessionsSummary"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getSession: {
        parameters: { query?: never; header?: never; path: { session_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description One session, by its id or a unique prefix of at least 6 characters */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["SessionDetail"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getSkeleton: {
        parameters: { query?: never; header?: never; path: { session_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description Every span of a session, by columns */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["Skeleton"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getTranscript: {
        parameters: { query?: never; header?: never; path: { session_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description The session as one conversation */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["Transcript"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    listEvents: {
        parameters: { query?: { /** @description next_cursor of the page before */ cursor?: string; /** @description Entries in the answer, 1 to 1000 */ limit?: number; }; header?: never; path: { session_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description Events and log records of a session, oldest first */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["EventList"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getSpan: {
        parameters: { query?: never; header?: never; path: { trace_id: string; span_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description One span with its content */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["SpanDetail"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    locateTrace: {
        parameters: { query?: never; header?: never; path: { trace_id: string; }; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description The session that shows a trace */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["TraceLocation"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getStatus: {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description How the server is doing */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ServerStatus"]; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    streamEvents: {
        parameters: { query?: { /** @description Filter, such as: status:error model:gpt-4o* cost>0.01 "free text" */ q?: string; }; header?: never; path?: never; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description Live updates: session.upsert (SessionRow), span.batch (SpanBatch), reset */ 200: { headers: { [name: string]: unknown; }; content: { "text/event-stream": unknown; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
    getOpenapi: {
        parameters: { query?: never; header?: never; path?: never; cookie?: never;
        };
        requestBody?: never;
        responses: { /** @description This document */ 200: { headers: { [name: string]: unknown; }; content: { "application/json": unknown; }; }; /** @description A parameter was not understood */ 400: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The browser token is missing or wrong */ 401: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description There is no such thing */ 404: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description A prefix fits more than one session */ 409: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; }; /** @description The storage cannot answer now; Retry-After says when to ask again */ 503: { headers: { [name: string]: unknown; }; content: { "application/json": components["schemas"]["ErrorAnswer"]; }; };
        };
    };
}
