/** Calls to our own server, and what its refusals mean. */
import createClient from "openapi-fetch";
import type { paths } from "~/api/schema";

/** A refusal by the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** Index of the character of a filter where it went wrong. */
  readonly position: number | undefined;

  constructor(status: number, message: string, position?: number) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.position = position;
  }
}

/** Which sessions: filter text, and start times from `from` up to but without `to`, µs since the epoch. */
export type SessionQuery = { q: string; from: number | undefined; to: number | undefined };

const client = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });

type Answer<T> = { data?: T; error?: unknown; response: Response };

async function answer<T>(pending: Promise<Answer<T>>, signal: AbortSignal): Promise<T> {
  let result: Answer<T>;
  try {
    result = await pending;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, "The server does not answer.");
  }
  if (result.data !== undefined) return result.data;
  const { response, error } = result;
  // Whatever stands between us and the server may answer in a form of its own.
  const told: unknown = typeof error === "object" ? error : null;
  const { error: message, position } = (told ?? {}) as { error?: unknown; position?: unknown };
  throw new ApiError(
    response.status,
    typeof message === "string" ? message : response.statusText || `status ${response.status}`,
    typeof position === "number" ? position : undefined,
  );
}

/** Only what was asked for, so that an empty filter is no parameter. */
function asked({ q, from, to }: SessionQuery) {
  return {
    ...(q && { q }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
}

const PAGE = 100;

export const api = {
  sessions: (query: SessionQuery, cursor: string | undefined, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/sessions", {
        params: { query: { ...asked(query), ...(cursor && { cursor }), limit: PAGE } },
        signal,
      }),
      signal,
    ),
  summary: (query: SessionQuery, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/sessions/summary", { params: { query: asked(query) }, signal }),
      signal,
    ),
  session: (session_id: string, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/sessions/{session_id}", { params: { path: { session_id } }, signal }),
      signal,
    ),
  skeleton: (session_id: string, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/sessions/{session_id}/skeleton", {
        params: { path: { session_id } },
        signal,
      }),
      signal,
    ),
  transcript: (session_id: string, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/sessions/{session_id}/messages", {
        params: { path: { session_id } },
        signal,
      }),
      signal,
    ),
  span: (trace_id: string, span_id: string, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/spans/{trace_id}/{span_id}", {
        params: { path: { trace_id, span_id } },
        signal,
      }),
      signal,
    ),
  trace: (trace_id: string, signal: AbortSignal) =>
    answer(
      client.GET("/api/v1/traces/{trace_id}", { params: { path: { trace_id } }, signal }),
      signal,
    ),
  status: (signal: AbortSignal) => answer(client.GET("/api/v1/status", { signal }), signal),
};
