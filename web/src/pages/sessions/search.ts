import type { SessionQuery } from "~/api/client";
import { presetStart } from "~/base/range";

/** What the list shows; all of it is in the URL. No `range` and no `from` means: fit to what there is. */
export type SessionsSearch = { q?: string; range?: string; from?: number; to?: number };

export function readSessionsSearch(search: Record<string, unknown>): SessionsSearch {
  const { q, range } = search;
  const from = Number(search.from);
  const to = Number(search.to);
  return {
    ...(typeof q === "string" && q ? { q } : {}),
    ...(typeof range === "string" && range ? { range } : {}),
    ...(from > 0 ? { from } : {}),
    ...(to > 0 ? { to } : {}),
  };
}

export function isAbsolute(search: SessionsSearch): boolean {
  return search.from !== undefined || search.to !== undefined;
}

/** The same filter over another range of time; no range means: fit to what there is. */
export function withRange(
  search: SessionsSearch,
  range: Omit<SessionsSearch, "q">,
): SessionsSearch {
  return { ...(search.q ? { q: search.q } : {}), ...range };
}

/** The same range of time with another filter. */
export function withFilter(search: SessionsSearch, q: string): SessionsSearch {
  const { q: _, ...range } = search;
  return q ? { q, ...range } : range;
}

/** The question to the server; `fitted` is the preset that the automatic range has come to. */
export function toQuery(search: SessionsSearch, fitted: string, nowUs: number): SessionQuery {
  const q = search.q ?? "";
  if (isAbsolute(search)) return { q, from: search.from, to: search.to };
  return { q, from: presetStart(search.range ?? fitted, nowUs), to: undefined };
}
