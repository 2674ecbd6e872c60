/** What of a session is shown; all of it is in the URL. Times are µs from the session's start. */
export type SessionSearch = {
  v?: "flow" | "chat";
  span?: string;
  tab?: string;
  t0?: number;
  t1?: number;
  fold?: string;
};

export function readSessionSearch(search: Record<string, unknown>): SessionSearch {
  const { v, span, tab, t0, t1, fold } = search;
  const start = Number(t0);
  const end = Number(t1);
  return {
    ...(v === "flow" || v === "chat" ? { v } : {}),
    ...(typeof span === "string" && span ? { span } : {}),
    ...(typeof tab === "string" && tab ? { tab } : {}),
    ...(typeof fold === "string" && fold ? { fold } : {}),
    ...(start >= 0 && end > start ? { t0: start, t1: end } : {}),
  };
}
