import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type PointerEvent, useEffect, useState } from "react";
import { queries } from "~/api/queries";
import type { SpanDetail } from "~/api/types";
import {
  formatCount,
  formatDuration,
  formatExact,
  formatMoment,
  formatMoney,
  formatShare,
} from "~/base/format";
import { readPreference, writePreference } from "~/base/storage";
import { visible } from "~/base/visible";
import { CopyButton, IconButton } from "~/components/button";
import { JsonBlock } from "~/components/code";
import { icons } from "~/components/icons";
import { KindBadge } from "~/components/kind";
import { FailureNotice } from "~/components/states";
import { Attributes } from "./span-attributes";
import { SpanContent } from "./span-content";
import { SpanEvents } from "./span-events";

type PanelProps = {
  traceId: string;
  spanId: string;
  type: string;
  /** When the session began and how long it took, µs. */
  originUs: number;
  sessionUs: number;
  tab: string | undefined;
  onTab: (tab: string) => void;
  onClose: () => void;
};

const SETTLE_MS = 90;
const WIDTH_MIN = 320;
const WIDTH_DEFAULT = 520;

/** Everything about one span, beside the view it was chosen in. */
export function SpanPanel(props: PanelProps) {
  const [width, setWidth] = useState(() => Number(readPreference("panel")) || WIDTH_DEFAULT);
  const id = useSettled(`${props.traceId}/${props.spanId}`);
  const [traceId = "", spanId = ""] = id.split("/");
  const span = useQuery({ ...queries.span(traceId, spanId), placeholderData: keepPreviousData });

  const drag = (event: PointerEvent) => {
    if (event.buttons !== 1) return;
    const next = Math.min(window.innerWidth - 360, window.innerWidth - event.clientX);
    setWidth(Math.max(WIDTH_MIN, Math.round(next)));
  };
  return (
    <aside className="panel" style={{ width }} aria-label="Span">
      <div
        className="panel-edge"
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onPointerUp={() => writePreference("panel", String(width))}
      />
      {span.data ? (
        <Loaded {...props} span={span.data} isStale={span.data.span_id !== props.spanId} />
      ) : (
        span.error && <FailureNotice error={span.error} onRetry={() => void span.refetch()} />
      )}
    </aside>
  );
}

/** The value once it has rested: holding an arrow key down asks the server once. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

type Tab = { key: string; label: string; count?: number };

function tabsOf(span: SpanDetail): Tab[] {
  const attributes =
    Object.keys(span.attributes).length + Object.keys(span.resource_attributes).length;
  const events = span.events.length + span.links.length;
  return [
    { key: "content", label: span.type === "llm" ? "Messages" : "Input & output" },
    { key: "attributes", label: "Attributes", count: attributes },
    ...(events > 0 ? [{ key: "events", label: "Events", count: events }] : []),
    { key: "raw", label: "Raw" },
  ];
}

function Loaded({
  span,
  originUs,
  sessionUs,
  tab,
  isStale,
  onTab,
  onClose,
}: PanelProps & { span: SpanDetail; isStale: boolean }) {
  const tabs = tabsOf(span);
  const current = tabs.find(({ key }) => key === tab)?.key ?? "content";
  const move = (step: number) => {
    const next =
      tabs[(tabs.findIndex(({ key }) => key === current) + step + tabs.length) % tabs.length];
    if (!next) return;
    onTab(next.key);
    document.getElementById(`tab-${next.key}`)?.focus();
  };
  return (
    <div className={`panel-body${isStale ? " stale" : ""}`}>
      <header className="panel-head">
        <KindBadge type={span.type} />
        <h2 className="truncate" title={span.name}>
          {visible(span.name)}
        </h2>
        <span className="session-id mono">
          {span.span_id.slice(0, 8)}
          <CopyButton text={span.span_id} label="Copy the span id" />
        </span>
        <IconButton label="Close (Esc)" onClick={onClose}>
          <icons.close />
        </IconButton>
      </header>
      <Facts span={span} originUs={originUs} sessionUs={sessionUs} />
      {span.error && (
        <div className="panel-error">
          <icons.alert size={15} />
          <div>
            <strong>{visible(span.error.type || "Error")}</strong>{" "}
            {visible(span.error.message || span.status_message)}
            {span.error.location && <code>{visible(span.error.location)}</code>}
          </div>
        </div>
      )}
      <div className="tabs" role="tablist" aria-label="What to show of the span">
        {tabs.map(({ key, label, count }) => (
          <button
            key={key}
            id={`tab-${key}`}
            type="button"
            role="tab"
            aria-selected={key === current}
            aria-controls="span-tab"
            tabIndex={key === current ? 0 : -1}
            onClick={() => onTab(key)}
            onKeyDown={(event) => {
              if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
              event.preventDefault();
              event.stopPropagation();
              move(event.key === "ArrowRight" ? 1 : -1);
            }}
          >
            {label}
            {count !== undefined && <span className="tab-count num">{count}</span>}
          </button>
        ))}
      </div>
      <div
        id="span-tab"
        className="tab-body scroll"
        role="tabpanel"
        tabIndex={0}
        key={span.span_id}
      >
        {current === "content" && <SpanContent span={span} />}
        {current === "attributes" && <Attributes span={span} />}
        {current === "events" && <SpanEvents span={span} />}
        {current === "raw" && <JsonBlock value={span} />}
      </div>
    </div>
  );
}

type FactsProps = { span: SpanDetail; originUs: number; sessionUs: number };

function Facts({ span, originUs, sessionUs }: FactsProps) {
  const model = span.response_model || span.request_model;
  const share = sessionUs > 0 ? `${formatShare(span.duration_us, sessionUs)} of session` : "";
  const facts: [string, string, string?, string?][] = [
    ["Duration", formatDuration(span.duration_us), share],
    [
      "Started",
      `+${formatDuration(span.start_us - originUs)}`,
      formatMoment(span.start_us),
      formatExact(span.start_us),
    ],
    ["Model", model, span.provider, aliasNote(span)],
    ["Tokens", tokensText(span), tokensNote(span)],
    ["Cost", costText(span), "", span.cost_usd === null ? "No price is known for this model" : ""],
    ["First chunk", span.time_to_first_chunk_us ? formatDuration(span.time_to_first_chunk_us) : ""],
    ["Finish", span.finish_reasons.join(", ")],
    ["Agent", span.agent_name],
    ["Tool", span.tool_name],
    ["Service", span.service_name],
  ];
  return (
    <dl className="facts num">
      {facts.map(
        ([label, value, note, hint]) =>
          value && (
            <div key={label} title={hint} className={value.length > 14 ? "fact-wide" : ""}>
              <dt>{label}</dt>
              <dd>
                {visible(value)}
                {note && <small>{visible(note)}</small>}
              </dd>
            </div>
          ),
      )}
    </dl>
  );
}

function aliasNote(span: SpanDetail): string {
  const { request_model, response_model } = span;
  if (!request_model || !response_model || request_model === response_model) return "";
  return `Asked for ${request_model}`;
}

function tokensText(span: SpanDetail): string {
  if (span.input_tokens === null && span.output_tokens === null) return "";
  return `${formatCount(span.input_tokens ?? 0)} → ${formatCount(span.output_tokens ?? 0)}`;
}

function tokensNote(span: SpanDetail): string {
  const parts: [number | null, string][] = [
    [span.cache_read_tokens, "cached"],
    [span.cache_write_tokens, "written to cache"],
    [span.reasoning_tokens, "reasoning"],
  ];
  return parts
    .flatMap(([count, label]) => (count ? [`${formatCount(count)} ${label}`] : []))
    .join(", ");
}

function costText(span: SpanDetail): string {
  if (span.cost_usd !== null) return formatMoney(span.cost_usd);
  return span.type === "llm" && span.input_tokens !== null ? "?" : "";
}
