import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { SessionRow } from "~/api/types";
import {
  formatAgo,
  formatCompact,
  formatCount,
  formatDuration,
  formatExact,
  formatMoney,
} from "~/base/format";
import { plain, visible } from "~/base/visible";
import { icons } from "~/components/icons";
import { StatusIcon } from "~/components/status";

type RowProps = {
  row: SessionRow;
  index: number;
  top: number;
  nowUs: number;
  isActive: boolean;
  onOpen: () => void;
};

const TAGS_MAX = 3;

export const Row = memo(
  function Row({ row, index, top, nowUs, isActive, onOpen }: RowProps) {
    const isRunning = row.status === "running";
    const duration = isRunning ? Math.max(row.duration_us, nowUs - row.start_us) : row.duration_us;
    const tokens = row.input_tokens + row.output_tokens;
    const name = row.name || row.session_id.slice(0, 8);
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the list listens for Enter on its active row
      <div
        id={`row-${row.session_id}`}
        className={`row${isActive ? " row-active" : ""}`}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={isActive}
        style={{ transform: `translateY(${top}px)` }}
        onClick={(event) => {
          const isSelecting = window.getSelection()?.type === "Range";
          if (!isSelecting && !(event.target as Element).closest("a")) onOpen();
        }}
      >
        <span role="gridcell" className="cell-status">
          <StatusIcon status={row.status} />
        </span>
        <span role="gridcell" className="cell-session">
          <span className="line-1">
            <Link
              to="/s/$sessionId"
              params={{ sessionId: row.session_id }}
              className="truncate"
              tabIndex={-1}
            >
              {visible(name)}
            </Link>
            {row.tags.slice(0, TAGS_MAX).map((tag) => (
              <span key={tag} className="tag" title={visible(tag)}>
                {visible(tag)}
              </span>
            ))}
            {row.tags.length > TAGS_MAX && (
              <span className="tag" title={visible(row.tags.slice(TAGS_MAX).join(", "))}>
                +{row.tags.length - TAGS_MAX}
              </span>
            )}
            <span className="row-models truncate">{visible(row.models.join(", "))}</span>
          </span>
          <Preview row={row} />
        </span>
        <Cell label="agents" value={row.agent_count} />
        <span role="gridcell" className="num cell-duration">
          {formatDuration(duration)}
          <KindBar row={row} />
        </span>
        <Cell label="spans" value={row.span_count} />
        <Cell label="LLM" value={row.llm_count} />
        <Cell label="tools" value={row.tool_count} />
        <span
          role="gridcell"
          className={`num cell-tokens${tokens === 0 ? " nil" : ""}`}
          title={`${formatCount(row.input_tokens)} in, ${formatCount(row.output_tokens)} out`}
        >
          {tokens === 0 ? "–" : formatCompact(tokens)}
          <span className="cell-label"> tok</span>
        </span>
        <Cost row={row} />
        <span role="gridcell" className="num cell-started" title={formatExact(row.start_us)}>
          {formatAgo(row.start_us, nowUs)}
        </span>
      </div>
    );
  },
  (before, after) =>
    before.row === after.row &&
    before.top === after.top &&
    before.isActive === after.isActive &&
    before.index === after.index &&
    !isTicking(after) &&
    formatAgo(before.row.start_us, before.nowUs) === formatAgo(after.row.start_us, after.nowUs),
);

function isTicking({ row }: RowProps): boolean {
  return row.status === "running";
}

function Cell({ label, value }: { label: string; value: number }) {
  return (
    <span role="gridcell" className={`num cell-${label}${value === 0 ? " nil" : ""}`}>
      {value === 0 ? "–" : formatCompact(value)}
      <span className="cell-label"> {label}</span>
    </span>
  );
}

function Cost({ row }: { row: SessionRow }) {
  const isFree = row.cost_usd === null && row.llm_count === 0;
  const hint =
    row.cost_usd === null && !isFree ? "No price is known for a model of this session" : undefined;
  return (
    <span
      role="gridcell"
      className={`num cell-cost${row.cost_usd === null ? " nil" : ""}`}
      title={hint}
    >
      {isFree ? "–" : formatMoney(row.cost_usd)}
    </span>
  );
}

/** First input and last output; a failed session tells its deepest error instead of an output. */
function Preview({ row }: { row: SessionRow }) {
  const { error, input_preview, output_preview } = row;
  if (row.status === "error" && error) {
    return (
      <span className="line-2">
        {input_preview && <span className="preview-input truncate">{line(input_preview)}</span>}
        <span className="preview-output truncate">
          <span className="preview-error">
            <icons.alert size={13} />
            {line(error.span_name)}: {line(error.type || "error")}
          </span>{" "}
          {line(error.message)}
        </span>
      </span>
    );
  }
  if (!input_preview && !output_preview) {
    return (
      <span className="line-2 muted truncate">{visible(row.service_name || row.session_id)}</span>
    );
  }
  return (
    <span className="line-2">
      {input_preview && <span className="preview-input truncate">{line(input_preview)}</span>}
      {output_preview && (
        <span className="preview-output truncate">
          <span className="muted">→ </span>
          {line(output_preview)}
        </span>
      )}
    </span>
  );
}

function line(text: string): string {
  return visible(plain(text));
}

/** How the time was spent: models, tools, everything else. */
function KindBar({ row }: { row: SessionRow }) {
  const whole = Math.max(row.duration_us, row.time_llm_us + row.time_tool_us);
  if (whole === 0) return <span className="kind-bar" />;
  const share = (part: number) => `${(part / whole) * 100}%`;
  const title = `LLM ${formatDuration(row.time_llm_us)}, tools ${formatDuration(row.time_tool_us)}`;
  return (
    <span className="kind-bar" title={title}>
      <i style={{ width: share(row.time_llm_us), background: "var(--kind-llm)" }} />
      <i style={{ width: share(row.time_tool_us), background: "var(--kind-tool)" }} />
    </span>
  );
}
