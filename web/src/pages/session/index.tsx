import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import type { ApiError } from "~/api/client";
import { useNews } from "~/api/live";
import { queries } from "~/api/queries";
import type { SessionDetail } from "~/api/types";
import { copyText } from "~/base/clipboard";
import { useDelayed, useMedia, useNow, useThrottled } from "~/base/hooks";
import { useHotkeys } from "~/base/hotkeys";
import { readPreference, writePreference } from "~/base/storage";
import { buildTree, findNode } from "~/base/tree";
import { Segmented } from "~/components/button";
import { icons } from "~/components/icons";
import { FailureNotice, Notice, RowsSkeleton } from "~/components/states";
import { Chat } from "./chat";
import { Flow } from "./flow";
import { FlowTools } from "./flow-tools";
import { SessionHeader } from "./header";
import { Minimap } from "./minimap";
import type { SessionSearch } from "./search";
import { SpanPanel } from "./span-panel";
import "./session.css";
import "./panel.css";
import "./messages.css";
import "./chat.css";

const route = getRouteApi("/s/$sessionId");
const RETRY_MS = 2000;

/** One session: what failed, what it cost, where the time went; then everything else. */
export function SessionPage() {
  const { sessionId } = route.useParams();
  const client = useQueryClient();
  const session = useQuery(queries.session(sessionId));
  const error = session.error as ApiError | null;
  const isAwaited = error?.status === 404;
  const fullId = session.data?.summary.session_id;

  useEffect(() => {
    if (!isAwaited) return;
    const timer = setInterval(() => {
      void client.invalidateQueries({ queryKey: ["session", sessionId] });
      void client.invalidateQueries({ queryKey: ["skeleton", sessionId] });
    }, RETRY_MS);
    return () => clearInterval(timer);
  }, [isAwaited, client, sessionId]);

  const refresh = useThrottled(() => {
    for (const name of ["session", "skeleton", "transcript"]) {
      void client.invalidateQueries({ queryKey: [name, sessionId] });
    }
  }, 700);
  useNews((news) => {
    const about = news.type === "session" ? news.row.session_id : "";
    const told = news.type === "spans" ? news.sessionId : about;
    if (news.type === "reset" || told === fullId) refresh();
  });

  if (session.data) return <Loaded key={fullId} detail={session.data} />;
  if (isAwaited) {
    return (
      <Notice
        title={`Waiting for spans of ${sessionId.slice(0, 12)}`}
        action={<Link to="/sessions">Go to the sessions</Link>}
      >
        This server has not received anything of this session yet. The page opens by itself when it
        does.
      </Notice>
    );
  }
  if (error) return <FailureNotice error={error} onRetry={() => void session.refetch()} />;
  return <Loading />;
}

function Loading() {
  const isSlow = useDelayed(true, 150);
  return isSlow && <RowsSkeleton rows={14} height={34} />;
}

function Loaded({ detail }: { detail: SessionDetail }) {
  const { sessionId } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/s/$sessionId" });
  const isNarrow = useMedia("(max-width: 700px)");
  const skeleton = useQuery(queries.skeleton(sessionId));
  const tree = useMemo(() => skeleton.data && buildTree(skeleton.data), [skeleton.data]);
  const { summary } = detail;
  const view = search.v ?? preferredView(isNarrow);
  const isRunning = summary.status === "running";
  const now = useNow(1000, isRunning);
  const wholeUs = Math.max(
    1,
    tree?.durationUs ?? 0,
    isRunning && skeleton.data ? now - skeleton.data.origin_us : 0,
  );
  const selected = tree && skeleton.data ? findNode(tree, skeleton.data, search.span) : -1;

  const change = (patch: Partial<Record<keyof SessionSearch, string | number | undefined>>) =>
    navigate({
      search: (old) => ({ ...old, ...patch }) as SessionSearch,
      replace: true,
    });
  const setView = (v: "flow" | "chat") => {
    writePreference("view", v);
    change({ v });
  };
  const goTo = (id: string | null) =>
    id &&
    navigate({ to: "/s/$sessionId", params: { sessionId: id }, search: { v: search.v ?? view } });

  useEffect(() => {
    document.title = `${summary.name || summary.session_id.slice(0, 8)} · AgentOps`;
  }, [summary.name, summary.session_id]);
  useHotkeys({
    "1": () => setView("flow"),
    "2": () => setView("chat"),
    J: () => goTo(detail.previous_id),
    K: () => goTo(detail.next_id),
    y: () => void copyText(window.location.href),
    Escape: () => (search.span ? change({ span: undefined, tab: undefined }) : false),
  });

  const isFlow = view === "flow";
  return (
    <div className="session">
      <SessionHeader
        detail={detail}
        onGoToSpan={(span) => change({ span, v: view })}
        onPage={(id) => void goTo(id)}
      />
      {tree && skeleton.data && tree.spanCount > 0 && (
        <Minimap
          tree={tree}
          skeleton={skeleton.data}
          wholeUs={wholeUs}
          window={search.t1 === undefined ? null : [search.t0 ?? 0, search.t1]}
          selected={selected}
          onWindow={(range) => change({ t0: range?.[0], t1: range?.[1] })}
        />
      )}
      <div className="view-bar">
        <Segmented
          label="View"
          value={view}
          onChange={setView}
          choices={[
            {
              value: "flow",
              label: "Flow",
              icon: <icons.flow size={14} />,
              hint: "Tree and time (1)",
            },
            {
              value: "chat",
              label: "Chat",
              icon: <icons.chat size={14} />,
              hint: "Conversation (2)",
            },
          ]}
        />
        {isFlow && tree && skeleton.data && (
          <FlowTools tree={tree} skeleton={skeleton.data} search={search} onChange={change} />
        )}
      </div>
      <div className="session-split">
        {isFlow ? (
          tree && skeleton.data ? (
            <Flow
              tree={tree}
              skeleton={skeleton.data}
              search={search}
              wholeUs={wholeUs}
              isRunning={isRunning}
              onChange={change}
            />
          ) : skeleton.error ? (
            <FailureNotice
              error={skeleton.error as Error}
              onRetry={() => void skeleton.refetch()}
            />
          ) : (
            <div className="flow">
              <Loading />
            </div>
          )
        ) : (
          <Chat
            sessionId={sessionId}
            selected={search.span}
            onSelect={(span) => change({ span, v: "chat" })}
          />
        )}
        {skeleton.data && tree && selected >= 0 && selected < tree.spanCount && (
          <SpanPanel
            traceId={skeleton.data.trace_id[selected] ?? ""}
            spanId={skeleton.data.span_id[selected] ?? ""}
            type={skeleton.data.types[skeleton.data.type[selected] ?? 0] ?? "other"}
            originUs={skeleton.data.origin_us}
            sessionUs={summary.duration_us}
            tab={search.tab}
            onTab={(tab) => change({ tab })}
            onClose={() => change({ span: undefined, tab: undefined })}
          />
        )}
      </div>
    </div>
  );
}

function preferredView(isNarrow: boolean): "flow" | "chat" {
  const stored = readPreference("view");
  if (stored === "flow" || stored === "chat") return stored;
  return isNarrow ? "chat" : "flow";
}
