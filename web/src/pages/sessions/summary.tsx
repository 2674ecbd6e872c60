import { type PointerEvent, useMemo, useRef, useState } from "react";
import type { SessionsSummary } from "~/api/types";
import {
  formatClock,
  formatCompact,
  formatCount,
  formatDuration,
  formatMoney,
  formatShare,
} from "~/base/format";
import { useSize } from "~/base/hooks";
import { Button } from "~/components/button";

type SummaryProps = {
  summary: SessionsSummary;
  onRange: (fromUs: number, toUs: number) => void;
  onReset: (() => void) | undefined;
};

/** Totals of what the list shows, and when it happened. */
export function SummaryStrip({ summary, onRange, onReset }: SummaryProps) {
  const tokens = summary.input_tokens + summary.output_tokens;
  const hasPercentiles = summary.duration_p50_us !== null && summary.duration_p95_us !== null;
  return (
    <section className="summary" aria-label="Totals">
      <dl>
        <Figure label="Sessions" value={formatCount(summary.session_count)} />
        <Figure
          label="Failed"
          value={formatCount(summary.error_count)}
          note={formatShare(summary.error_count, summary.session_count)}
          tone={summary.error_count > 0 ? "error" : undefined}
        />
        <Figure
          label="Cost"
          value={summary.cost_usd === null && tokens === 0 ? "–" : formatMoney(summary.cost_usd)}
          hint={summary.cost_usd === null ? "No price is known for the models used" : undefined}
        />
        <Figure
          label="Tokens"
          value={formatCompact(tokens)}
          hint={`${formatCount(summary.input_tokens)} in, ${formatCount(summary.output_tokens)} out`}
        />
        {hasPercentiles && (
          <>
            <Figure label="p50" value={formatDuration(summary.duration_p50_us ?? 0)} />
            <Figure label="p95" value={formatDuration(summary.duration_p95_us ?? 0)} />
          </>
        )}
      </dl>
      {summary.session_count > 0 && <Histogram histogram={summary.histogram} onRange={onRange} />}
      {onReset && (
        <Button variant="ghost" onClick={onReset} title="Back to the automatic range">
          Reset
        </Button>
      )}
    </section>
  );
}

function Figure({
  label,
  value,
  note,
  hint,
  tone,
}: {
  label: string;
  value: string;
  note?: string;
  hint?: string | undefined;
  tone?: "error" | undefined;
}) {
  return (
    <div className={`figure${tone ? ` figure-${tone}` : ""}`} title={hint}>
      <dt>{label}</dt>
      <dd className="num">
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

const HEIGHT = 34;
const GAP = 2;
const BAR_MAX = 28;

/** Sessions over time, failed ones in red; a click or a drag chooses a range of time. */
function Histogram({
  histogram,
  onRange,
}: {
  histogram: SessionsSummary["histogram"];
  onRange: (fromUs: number, toUs: number) => void;
}) {
  const [ref, width] = useSize<HTMLDivElement>();
  const { start_us, bucket_us, counts, error_counts } = histogram;
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const isDown = useRef(false);
  const step = width / Math.max(1, counts.length);
  const most = useMemo(() => Math.max(1, ...counts), [counts]);
  const end = start_us + bucket_us * counts.length;

  const bucketAt = (event: PointerEvent) => {
    const left = event.currentTarget.getBoundingClientRect().left;
    const index = Math.floor((event.clientX - left) / step);
    return Math.min(counts.length - 1, Math.max(0, index));
  };
  const timeOf = (index: number) => start_us + index * bucket_us;
  const failed = error_counts.reduce((sum, count) => sum + count, 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shown = hovered !== null ? (counts[hovered] ?? 0) : 0;

  if (counts.length === 0) return <div className="histogram" />;
  return (
    <figure className="histogram">
      <div ref={ref}>
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${total} sessions from ${formatClock(start_us, end - start_us)} to ${formatClock(end, end - start_us)}, ${failed} failed`}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            isDown.current = true;
            const bucket = bucketAt(event);
            setDrag([bucket, bucket]);
          }}
          onPointerMove={(event) => {
            const bucket = bucketAt(event);
            setHovered(bucket);
            if (isDown.current) setDrag((old) => old && [old[0], bucket]);
          }}
          onPointerUp={() => {
            isDown.current = false;
            if (!drag) return;
            setDrag(null);
            onRange(timeOf(Math.min(...drag)), timeOf(Math.max(...drag) + 1));
          }}
          onPointerLeave={() => setHovered(null)}
        >
          <line x1={0} x2={width} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className="histogram-base" />
          {hovered !== null && !drag && (
            <rect
              x={hovered * step}
              y={0}
              width={step}
              height={HEIGHT}
              className="histogram-hover"
            />
          )}
          {drag && (
            <rect
              x={Math.min(...drag) * step}
              y={0}
              width={(Math.abs(drag[1] - drag[0]) + 1) * step}
              height={HEIGHT}
              className="histogram-drag"
            />
          )}
          {counts.map((count, index) => {
            if (count === 0) return null;
            const errors = error_counts[index] ?? 0;
            const height = Math.max(3, (count / most) * (HEIGHT - 3));
            const red = errors === 0 ? 0 : Math.max(2, (errors / count) * height);
            const barWidth = Math.min(BAR_MAX, Math.max(1.5, step - GAP));
            const x = index * step + (step - barWidth) / 2;
            return (
              <g key={timeOf(index)}>
                <rect
                  x={x}
                  y={HEIGHT - height}
                  width={barWidth}
                  height={height - red}
                  rx={1}
                  className="histogram-bar"
                />
                <rect
                  x={x}
                  y={HEIGHT - red}
                  width={barWidth}
                  height={red}
                  rx={1}
                  className="histogram-error"
                />
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption className="num">
        {hovered !== null ? (
          <>
            <span>
              {formatClock(timeOf(hovered), bucket_us * 4)} –{" "}
              {formatClock(timeOf(hovered + 1), bucket_us * 4)}
            </span>
            <span>
              {shown} {shown === 1 ? "session" : "sessions"}
              {(error_counts[hovered] ?? 0) > 0 && `, ${error_counts[hovered]} failed`}
            </span>
          </>
        ) : (
          <>
            <span>{formatClock(start_us, end - start_us)}</span>
            <span>{formatClock(end, end - start_us)}</span>
          </>
        )}
      </figcaption>
    </figure>
  );
}
