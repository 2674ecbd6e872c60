import { Link } from "@tanstack/react-router";
import type { ErrorBrief, SessionDetail } from "~/api/types";
import {
  formatCompact,
  formatCount,
  formatDuration,
  formatExact,
  formatMoment,
  formatMoney,
} from "~/base/format";
import { useNow } from "~/base/hooks";
import { visible } from "~/base/visible";
import { Button, CopyButton, IconButton } from "~/components/button";
import { icons } from "~/components/icons";
import { StatusBadge, StatusIcon } from "~/components/status";

type HeaderProps = {
  detail: SessionDetail;
  onGoToSpan: (spanId: string) => void;
  onPage: (id: string | null) => void;
};

export function SessionHeader({ detail, onGoToSpan, onPage }: HeaderProps) {
  const { summary } = detail;
  const name = summary.name || summary.session_id.slice(0, 8);
  return (
    <header className="session-head">
      <div className="session-title">
        <Link to="/sessions" search={listSearch()} className="back" title="Back to the list">
          <icons.arrowLeft size={15} />
          <span>Sessions</span>
        </Link>
        <StatusIcon status={summary.status} size={18} />
        <h1 className="truncate" title={summary.name}>
          {visible(name)}
        </h1>
        <StatusBadge status={summary.status} />
        <span className="session-id mono">
          {summary.session_id.slice(0, 8)}
          <CopyButton text={summary.session_id} label="Copy the session id" />
        </span>
        <span className="session-labels">
          {summary.tags.map((tag) => (
            <Link key={tag} to="/sessions" search={{ q: token("tag", tag) }} className="tag">
              {visible(tag)}
            </Link>
          ))}
          {summary.user_id && (
            <Link to="/sessions" search={{ q: token("user", summary.user_id) }} className="tag">
              {visible(summary.user_id)}
            </Link>
          )}
        </span>
        <span className="pager">
          <time className="muted num" title={formatExact(summary.start_us)}>
            {formatMoment(summary.start_us)}
          </time>
          <IconButton
            label="Newer session (K)"
            disabled={!detail.next_id}
            onClick={() => onPage(detail.next_id)}
          >
            <icons.chevronUp />
          </IconButton>
          <IconButton
            label="Older session (J)"
            disabled={!detail.previous_id}
            onClick={() => onPage(detail.previous_id)}
          >
            <icons.chevronDown />
          </IconButton>
        </span>
      </div>
      {summary.status === "error" && summary.error && (
        <ErrorBanner error={summary.error} onGoToSpan={onGoToSpan} />
      )}
      <Totals detail={detail} />
    </header>
  );
}

function token(key: string, value: string): string {
  return /^[\w.@:/-]+$/.test(value) ? `${key}:${value}` : `${key}:${JSON.stringify(value)}`;
}

/** The list as it was left. */
function listSearch(): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(sessionStorage.getItem("agentops.list") ?? ""));
}

function ErrorBanner({
  error,
  onGoToSpan,
}: {
  error: ErrorBrief;
  onGoToSpan: (spanId: string) => void;
}) {
  return (
    <div className="error-banner" role="alert">
      <icons.alert size={16} />
      <p className="truncate">
        <strong>{visible(error.span_name)}</strong>{" "}
        <span className="error-type">{visible(error.type || "failed")}</span>
        {error.message && <> {visible(error.message)}</>}
      </p>
      {error.location && <code className="muted truncate">{visible(error.location)}</code>}
      <Button onClick={() => onGoToSpan(error.span_id)}>Go to span</Button>
    </div>
  );
}

function Totals({ detail }: { detail: SessionDetail }) {
  const { summary } = detail;
  const isRunning = summary.status === "running";
  const now = useNow(1000, isRunning);
  const duration = isRunning
    ? Math.max(summary.duration_us, now - summary.start_us)
    : summary.duration_us;
  const hasTokens = summary.input_tokens + summary.output_tokens > 0;
  return (
    <dl className="totals num">
      <Total label="Duration" value={formatDuration(duration)} />
      <Total label="Spans" value={formatCount(summary.span_count)} />
      {summary.llm_count > 0 && <Total label="LLM calls" value={formatCount(summary.llm_count)} />}
      {summary.tool_count > 0 && (
        <Total label="Tool calls" value={formatCount(summary.tool_count)} />
      )}
      {summary.error_count > 0 && (
        <Total label="Errors" value={formatCount(summary.error_count)} tone="error" />
      )}
      {hasTokens && (
        <>
          <Total
            label="Tokens in"
            value={formatCount(summary.input_tokens)}
            note={
              detail.cache_read_tokens > 0
                ? `${formatCompact(detail.cache_read_tokens)} cached`
                : ""
            }
          />
          <Total
            label="Tokens out"
            value={formatCount(summary.output_tokens)}
            note={
              detail.reasoning_tokens > 0
                ? `${formatCompact(detail.reasoning_tokens)} reasoning`
                : ""
            }
          />
        </>
      )}
      {(summary.cost_usd !== null || summary.llm_count > 0) && (
        <Total
          label="Cost"
          value={formatMoney(summary.cost_usd)}
          hint={summary.cost_usd === null ? "No price is known for a model used here" : ""}
        />
      )}
      {detail.agents.length > 0 && <Total label="Agents" value={detail.agents.join(", ")} isText />}
      {summary.models.length > 0 && (
        <Total label="Models" value={summary.models.join(", ")} isText />
      )}
      {detail.service_names.length > 0 && (
        <Total
          label={detail.service_names.length > 1 ? "Services" : "Service"}
          value={detail.service_names.join(", ")}
          isText
        />
      )}
    </dl>
  );
}

function Total({
  label,
  value,
  note = "",
  hint = "",
  tone = "",
  isText = false,
}: {
  label: string;
  value: string;
  note?: string;
  hint?: string;
  tone?: string;
  isText?: boolean;
}) {
  return (
    <div className={`total${isText ? " total-text" : ""}`} title={hint || (isText ? value : "")}>
      <dt>{label}</dt>
      <dd className={tone && `total-${tone}`}>
        {visible(value)}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}
