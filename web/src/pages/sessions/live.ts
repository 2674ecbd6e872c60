import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { api, type SessionQuery } from "~/api/client";
import { useNews } from "~/api/live";
import { queries } from "~/api/queries";
import type { SessionList, SessionRow } from "~/api/types";
import { useThrottled } from "~/base/hooks";

type Pages = InfiniteData<SessionList, unknown>;

/** Puts newer versions of rows in the places of the old ones; the order never changes. */
export function patchRows(pages: Pages, fresh: ReadonlyMap<string, SessionRow>): Pages {
  return {
    ...pages,
    pages: pages.pages.map((page) => {
      if (!page.sessions.some((row) => fresh.has(row.session_id))) return page;
      return { ...page, sessions: page.sessions.map((row) => fresh.get(row.session_id) ?? row) };
    }),
  };
}

/** Puts new rows above all others. */
export function prependRows(pages: Pages, rows: readonly SessionRow[]): Pages {
  const [first, ...rest] = pages.pages;
  if (!first || rows.length === 0) return pages;
  const known = new Set(pages.pages.flatMap((page) => page.sessions.map((row) => row.session_id)));
  const added = rows.filter((row) => !known.has(row.session_id));
  const top = { ...first, total: first.total + added.length };
  return { ...pages, pages: [{ ...top, sessions: [...added, ...first.sessions] }, ...rest] };
}

/**
 * Keeps the list of `query` up to date. New sessions enter at the top unless `isHeld`; then they wait,
 * and `show` lets them in.
 */
export function useLiveSessions(query: SessionQuery, isLive: boolean, isHeld: boolean) {
  const client = useQueryClient();
  const { queryKey } = queries.sessions(query);
  const [waiting, setWaiting] = useState<readonly SessionRow[]>([]);
  const asked = useRef(query);
  asked.current = query;

  const show = useCallback(() => {
    client.setQueryData(queryKey, (pages) => pages && prependRows(pages, waiting));
    setWaiting([]);
  }, [client, queryKey, waiting]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another question has other answers
  useEffect(() => setWaiting([]), [query.q, query.from, query.to]);

  useEffect(() => {
    if (!isHeld && waiting.length > 0) show();
  }, [isHeld, waiting, show]);

  const readTop = useThrottled(async () => {
    const top = await api
      .sessions(query, undefined, new AbortController().signal)
      .catch(() => null); // the next news tries again
    const pages = client.getQueryData(queryKey);
    if (!top || !pages || asked.current !== query) return; // else it answers an older question
    const known = new Set(pages.pages.flatMap((page) => page.sessions.map((r) => r.session_id)));
    client.setQueryData(
      queryKey,
      patchRows(pages, new Map(top.sessions.map((row) => [row.session_id, row]))),
    );
    setWaiting(top.sessions.filter((row) => !known.has(row.session_id)));
  }, 300);

  const readSummary = useThrottled(
    () => void client.invalidateQueries({ queryKey: ["summary"] }),
    2500,
  );

  useNews((news) => {
    if (news.type === "spans") return;
    readSummary();
    const pages = client.getQueryData(queryKey);
    if (news.type === "reset" || !pages) {
      void client.invalidateQueries({ queryKey: ["sessions"] });
      return;
    }
    const { row } = news;
    const isKnown = pages.pages.some((page) =>
      page.sessions.some((r) => r.session_id === row.session_id),
    );
    if (isKnown) {
      client.setQueryData(queryKey, patchRows(pages, new Map([[row.session_id, row]])));
    } else readTop();
  }, isLive);

  return { waiting: waiting.length, show };
}
