/** What the pages ask the server, as entries of the query cache. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, type SessionQuery } from "~/api/client";

export const queries = {
  sessions: (query: SessionQuery) =>
    infiniteQueryOptions({
      queryKey: ["sessions", query],
      queryFn: ({ pageParam, signal }) => api.sessions(query, pageParam, signal),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: keepPreviousData,
    }),
  summary: (query: SessionQuery) =>
    queryOptions({
      queryKey: ["summary", query],
      queryFn: ({ signal }) => api.summary(query, signal),
    }),
  session: (id: string) =>
    queryOptions({
      queryKey: ["session", id],
      queryFn: ({ signal }) => api.session(id, signal),
    }),
  skeleton: (id: string) =>
    queryOptions({
      queryKey: ["skeleton", id],
      queryFn: ({ signal }) => api.skeleton(id, signal),
      structuralSharing: false, // columns of many thousand entries: comparing them costs more than drawing
    }),
  transcript: (id: string) =>
    queryOptions({
      queryKey: ["transcript", id],
      queryFn: ({ signal }) => api.transcript(id, signal),
    }),
  span: (traceId: string, spanId: string) =>
    queryOptions({
      queryKey: ["span", traceId, spanId],
      queryFn: ({ signal }) => api.span(traceId, spanId, signal),
      placeholderData: keepPreviousData,
    }),
  trace: (traceId: string) =>
    queryOptions({
      queryKey: ["trace", traceId],
      queryFn: ({ signal }) => api.trace(traceId, signal),
    }),
  status: (refetchMs: number | false = false) =>
    queryOptions({
      queryKey: ["status"],
      queryFn: ({ signal }) => api.status(signal),
      refetchInterval: refetchMs,
    }),
};
