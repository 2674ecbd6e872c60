import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import type { ApiError } from "~/api/client";
import { queries } from "~/api/queries";
import { useDelayed } from "~/base/hooks";
import { useHotkeys } from "~/base/hotkeys";
import { fitRange, presetLabel } from "~/base/range";
import { readPreference, writePreference } from "~/base/storage";
import { Button } from "~/components/button";
import { FailureNotice, Notice, RowsSkeleton } from "~/components/states";
import { SessionsList } from "./list";
import { useLiveSessions } from "./live";
import { isAbsolute, type SessionsSearch, toQuery, withFilter, withRange } from "./search";
import { SummaryStrip } from "./summary";
import { Toolbar } from "./toolbar";
import "./toolbar.css";
import "./sessions.css";

const route = getRouteApi("/sessions");
const ALL_TIME = { q: "", from: undefined, to: undefined };

/** The home page: every session, newest first, alive. */
export function SessionsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/sessions" });
  const [isLive, setLive] = useState(() => readPreference("live") !== "off");
  const [isHeld, setHeld] = useState(false);
  const filter = useRef<HTMLInputElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: "last hour" starts anew with each question
  const now = useMemo(() => Date.now() * 1000, [search]);
  const isFitted = !isAbsolute(search) && !search.range;
  const everything = useQuery(queries.summary({ ...ALL_TIME, q: search.q ?? "" }));
  const fitted = useFitted(isFitted ? everything.data : undefined, search.q ?? "");
  const isReady = !isFitted || fitted !== undefined;
  const query = useMemo(() => toQuery(search, fitted ?? "all", now), [search, fitted, now]);

  const list = useInfiniteQuery({ ...queries.sessions(query), enabled: isReady });
  const summary = useQuery({ ...queries.summary(query), enabled: isReady });
  const live = useLiveSessions(query, isLive, isHeld);
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.sessions) ?? [], [list.data]);
  // What was shown stays in sight while a filter is half typed.
  const last = useRef<{ rows: typeof rows; summary: typeof summary.data }>(undefined);
  const totals = (isReady ? summary.data : undefined) ?? last.current?.summary;
  if (list.data) last.current = { rows, summary: totals };
  const isSlow = useDelayed(list.isPending, 150);

  const change = (next: SessionsSearch, replace = false) => navigate({ search: next, replace });
  const show = (range: Omit<SessionsSearch, "q">) => change(withRange(search, range));
  const toggleLive = () => {
    writePreference("live", isLive ? "off" : null);
    setLive(!isLive);
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the search is the page's address
  useEffect(() => {
    sessionStorage.setItem("agentops.list", window.location.search);
    document.title = "Sessions · AgentOps";
  }, [search]);
  useEffect(() => {
    const isEmptyStore = everything.data?.oldest_us === null && !search.q;
    if (isEmptyStore) navigate({ to: "/welcome", replace: true });
  }, [everything.data, search.q, navigate]);
  useHotkeys({
    "/": () => filter.current?.focus(),
    l: toggleLive,
  });

  const error = (list.error ?? everything.error) as ApiError | null;
  const isBadFilter = error?.status === 400;
  const shown = isBadFilter && last.current ? last.current : { rows, summary: totals };
  const rangeLabel = isFitted ? presetLabel(fitted ?? "all") : undefined;
  return (
    <div className="sessions">
      <h1 className="sr-only">Sessions</h1>
      <Toolbar
        filterRef={filter}
        search={search}
        fittedLabel={rangeLabel}
        problem={isBadFilter ? error : undefined}
        isLive={isLive}
        onToggleLive={toggleLive}
        onChange={change}
      />
      {shown.summary && (!error || isBadFilter) && (
        <SummaryStrip
          summary={shown.summary}
          onRange={(from, to) => show({ from, to })}
          onReset={isAbsolute(search) ? () => show({}) : undefined}
        />
      )}
      <div className="sessions-body">
        {error && !isBadFilter ? (
          <FailureNotice
            error={error}
            onRetry={() => {
              void everything.refetch();
              void list.refetch();
            }}
          />
        ) : list.isPending && !error ? (
          isSlow && <RowsSkeleton rows={12} height={58} />
        ) : shown.rows.length === 0 && isBadFilter ? (
          <Notice title="The filter is not understood" />
        ) : shown.rows.length === 0 ? (
          <Notice
            title="No session matches"
            action={
              <div className="notice-actions">
                {search.q && (
                  <Button onClick={() => change(withFilter(search, ""))}>Clear the filter</Button>
                )}
                {(search.range || isAbsolute(search)) && (
                  <Button onClick={() => show({ range: "all" })}>Show all time</Button>
                )}
              </div>
            }
          >
            {search.q ? (
              <>
                Nothing was found for <code>{search.q}</code>.
              </>
            ) : (
              "There is nothing in this range of time."
            )}
          </Notice>
        ) : (
          <SessionsList
            rows={shown.rows}
            waiting={live.waiting}
            isStale={list.isPlaceholderData || isBadFilter}
            hasMore={list.hasNextPage}
            isLoadingMore={list.isFetchingNextPage}
            onMore={() => void list.fetchNextPage()}
            onShowWaiting={live.show}
            onHeld={setHeld}
          />
        )}
      </div>
    </div>
  );
}

/** The preset that fits; once found it stays for the same filter, so that live news never moves the axis. */
function useFitted(
  summary: Parameters<typeof fitRange>[0] | undefined,
  q: string,
): string | undefined {
  const kept = useRef<{ q: string; key: string } | null>(null);
  if (summary && kept.current?.q !== q) {
    kept.current = { q, key: fitRange(summary, Date.now() * 1000) };
  }
  return kept.current?.q === q ? kept.current.key : undefined;
}
