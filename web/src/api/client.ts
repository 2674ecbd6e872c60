/** Calls to our own server, and what its refusals mean. */
import type {
  ServerStatus,
  SessionDetail,
  SessionList,
  SessionsSummary,
  Skeleton,
  SpanDetail,
  Transcript,
} from "~/api/types";

/** A refusal by the server, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly requestId: string;

  constructor(status: number, message: string, requestId = "") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.requestId = requestId;
  }
}

export type SessionQuery = { q: string; from: number | undefined; to: number | undefined };

type Parameters = Record<string, string | number | undefined>;

async function get<T>(path: string, parameters: Parameters, signal: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") search.set(key, String(value));
  }
  const query = search.size > 0 ? `?${search}` : "";
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}${query}`, { signal, credentials: "same-origin" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, "The server does not answer.");
  }
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

async function refusal(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("x-request-id") ?? "";
  const body: unknown = await response.json().catch(() => null);
  return new ApiError(response.status, messageOf(body) ?? response.statusText, requestId);
}

function messageOf(body: unknown): string | null {
  if (typeof body !== "object" || body === null) return null;
  const { error, message, detail } = body as Record<string, unknown>;
  if (typeof error === "object") return messageOf(error);
  const told = [message, detail, error].find((value) => typeof value === "string");
  return (told as string | undefined) ?? null;
}

const segment = encodeURIComponent;

export const api = {
  sessions: (query: SessionQuery, cursor: string | undefined, signal: AbortSignal) =>
    get<SessionList>("sessions", { ...query, cursor, limit: 100 }, signal),
  summary: (query: SessionQuery, signal: AbortSignal) =>
    get<SessionsSummary>("sessions/summary", query, signal),
  session: (id: string, signal: AbortSignal) =>
    get<SessionDetail>(`sessions/${segment(id)}`, {}, signal),
  skeleton: (id: string, signal: AbortSignal) =>
    get<Skeleton>(`sessions/${segment(id)}/skeleton`, {}, signal),
  transcript: (id: string, signal: AbortSignal) =>
    get<Transcript>(`sessions/${segment(id)}/messages`, {}, signal),
  span: (traceId: string, spanId: string, signal: AbortSignal) =>
    get<SpanDetail>(`spans/${segment(traceId)}/${segment(spanId)}`, {}, signal),
  status: (signal: AbortSignal) => get<ServerStatus>("status", {}, signal),
};
