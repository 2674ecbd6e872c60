import type { Skeleton } from "~/api/types";
import { formatCompact, formatCount, formatDuration, formatMoney } from "~/base/format";
import { kindOf } from "~/base/kinds";
import { hasChildren, type SpanTree } from "~/base/tree";
import { visible } from "~/base/visible";
import { icons } from "~/components/icons";
import { KindBadge } from "~/components/kind";
import { nodeId } from "./flow-tools";

type FlowRowProps = {
  tree: SpanTree;
  skeleton: Skeleton;
  node: number;
  index: number;
  top: number;
  from: number;
  to: number;
  /** While the session runs: µs since its start. */
  nowUs: number | null;
  isFolded: boolean;
  isSelected: boolean;
  onSelect: () => void;
  onFold: (folded: boolean) => void;
};

const INDENT = 16;
const GUIDES_MAX = 24;

export function FlowRow(props: FlowRowProps) {
  const { tree, skeleton, node, isFolded, isSelected } = props;
  const isMissing = node >= tree.spanCount;
  const type = isMissing ? "other" : (skeleton.types[skeleton.type[node] ?? 0] ?? "other");
  const isFailed = skeleton.status[node] === 2;
  const depth = tree.depth[node] ?? 0;
  const isParent = hasChildren(tree, node);
  const errorsInside = isFolded ? (tree.errorsBelow[node] ?? 0) : 0;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the view listens for the keys of its selected row
    <div
      id={`span-${nodeId(skeleton, node)}`}
      className={`flow-row${isSelected ? " flow-selected" : ""}${isFailed ? " flow-failed" : ""}`}
      role="row"
      aria-level={depth + 1}
      aria-rowindex={props.index + 2}
      aria-selected={isSelected}
      aria-expanded={isParent ? !isFolded : undefined}
      style={{ transform: `translateY(${props.top}px)` }}
      onClick={props.onSelect}
    >
      <span role="gridcell" className="flow-name">
        <span
          className="flow-indent"
          style={{ width: Math.min(depth, GUIDES_MAX) * INDENT }}
          aria-hidden="true"
        />
        {isParent ? (
          <button
            type="button"
            className="flow-chevron"
            tabIndex={-1}
            aria-label={isFolded ? "Unfold" : "Fold"}
            onClick={(event) => {
              event.stopPropagation();
              props.onFold(!isFolded);
            }}
          >
            {isFolded ? <icons.chevronRight size={13} /> : <icons.chevronDown size={13} />}
          </button>
        ) : (
          <span className="flow-chevron" />
        )}
        <KindBadge type={type} />
        <Name
          skeleton={skeleton}
          node={node}
          isMissing={isMissing}
          isRunning={props.nowUs !== null}
        />
        {isFolded && isParent && (
          <span className="flow-count num">{formatCount(tree.sizeBelow[node] ?? 0)}</span>
        )}
        {(isFailed || errorsInside > 0) && (
          <span
            className="flow-error"
            title={isFailed ? "Failed" : `${errorsInside} failed inside`}
          >
            <icons.alert size={13} />
            <span className="sr-only">{isFailed ? "failed" : `${errorsInside} failed inside`}</span>
          </span>
        )}
      </span>
      <Tokens input={skeleton.input_tokens[node]} output={skeleton.output_tokens[node]} />
      <span role="gridcell" className="num flow-cost">
        {typeof skeleton.cost_usd[node] === "number" && formatMoney(skeleton.cost_usd[node])}
      </span>
      <span role="gridcell" className="num flow-duration">
        {!isMissing && formatDuration(skeleton.duration_us[node] ?? 0)}
      </span>
      <span role="gridcell" className="flow-bars">
        <Bar {...props} type={type} isFailed={isFailed} isMissing={isMissing} />
      </span>
    </div>
  );
}

function Name({
  skeleton,
  node,
  isMissing,
  isRunning,
}: {
  skeleton: Skeleton;
  node: number;
  isMissing: boolean;
  isRunning: boolean;
}) {
  if (isMissing) {
    return (
      <span className="flow-missing truncate" title="Its children are here; it is not, or not yet">
        {isRunning ? "still running" : "parent not received"}
      </span>
    );
  }
  const name = skeleton.strings[skeleton.name[node] ?? -1] ?? "";
  const service = skeleton.strings[skeleton.service[node] ?? -1] ?? "";
  const isForeign = service !== "" && skeleton.service[node] !== skeleton.service[0];
  return (
    <>
      <span className="truncate flow-text" title={visible(name)}>
        {visible(name)}
      </span>
      {isForeign && <span className="flow-service">{visible(service)}</span>}
    </>
  );
}

function Tokens({
  input,
  output,
}: {
  input: number | null | undefined;
  output: number | null | undefined;
}) {
  const hasAny = typeof input === "number" || typeof output === "number";
  return (
    <span
      role="gridcell"
      className="num flow-tokens"
      title={hasAny ? `${formatCount(input ?? 0)} in, ${formatCount(output ?? 0)} out` : undefined}
    >
      {hasAny && `${formatCompact(input ?? 0)} → ${formatCompact(output ?? 0)}`}
    </span>
  );
}

function Bar(props: FlowRowProps & { type: string; isFailed: boolean; isMissing: boolean }) {
  const { tree, node, from, to, nowUs, isMissing } = props;
  const start = tree.startUs[node] ?? 0;
  const end = isMissing && nowUs !== null ? Math.max(nowUs, start) : (tree.endUs[node] ?? 0);
  const span = Math.max(1, to - from);
  if (end < from || start > to) return null;
  const left = Math.max(0, (start - from) / span) * 100;
  const right = Math.min(1, (end - from) / span) * 100;
  const isOuter = hasChildren(tree, node);
  const className = [
    "bar",
    isOuter ? "bar-outer" : "",
    props.isFailed ? "bar-failed" : "",
    isMissing ? "bar-open" : "",
  ].join(" ");
  return (
    <span
      className={className}
      style={{
        left: `min(${left}%, 100% - 3px)`,
        width: `${right - left}%`,
        color: kindOf(props.type).color,
      }}
    />
  );
}
