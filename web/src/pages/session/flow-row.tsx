import type { Skeleton } from "~/api/types";
import { formatCompact, formatCount, formatDuration, formatMoney } from "~/base/format";
import { kindOf } from "~/base/kinds";
import { hasChildren, nodeId, type SpanTree, standInOf } from "~/base/tree";
import { visible } from "~/base/visible";
import { icons } from "~/components/icons";
import { KindBadge } from "~/components/kind";

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
  const standIn = standInOf(tree, node);
  const isMissing = standIn?.kind === "missing";
  const shown = standIn?.kind === "group" ? standIn.first : node;
  const type = skeleton.types[skeleton.type[shown] ?? -1] ?? "other";
  const sums = standIn ? sumOf(tree, skeleton, node) : valuesOf(skeleton, node);
  const isFailed = skeleton.status[node] === 2;
  const depth = tree.depth[node] ?? 0;
  const isParent = hasChildren(tree, node);
  const errorsInside = isFolded ? (tree.errorsBelow[node] ?? 0) : 0;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the view listens for the keys of its selected row
    <div
      id={`span-${nodeId(tree, skeleton, node)}`}
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
          node={shown}
          above={tree.parent[node] ?? -1}
          isMissing={isMissing}
          isRunning={props.nowUs !== null}
        />
        {(standIn?.kind === "group" || (isFolded && isParent)) && (
          <span className="flow-count num">
            {standIn?.kind === "group" && "×"}
            {formatCount(tree.sizeBelow[node] ?? 0)}
          </span>
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
      <Tokens input={sums.input} output={sums.output} />
      <span role="gridcell" className="num flow-cost">
        {sums.cost !== null && formatMoney(sums.cost)}
      </span>
      <span
        role="gridcell"
        className="num flow-duration"
        title={standIn ? "Sum of its spans" : undefined}
      >
        {!isMissing && formatDuration(sums.duration)}
      </span>
      <span role="gridcell" className="flow-bars">
        <Bar {...props} type={type} isFailed={isFailed} isMissing={isMissing} />
      </span>
    </div>
  );
}

type Values = {
  input: number | null;
  output: number | null;
  cost: number | null;
  duration: number;
};

function valuesOf(skeleton: Skeleton, node: number): Values {
  return {
    input: skeleton.input_tokens[node] ?? null,
    output: skeleton.output_tokens[node] ?? null,
    cost: skeleton.cost_usd[node] ?? null,
    duration: skeleton.duration_us[node] ?? 0,
  };
}

/** What the spans of a group add up to; unknown plus unknown stays unknown. */
function sumOf(tree: SpanTree, skeleton: Skeleton, node: number): Values {
  const sum: Values = { input: null, output: null, cost: null, duration: 0 };
  for (let k = tree.childStart[node] ?? 0; k < (tree.childStart[node + 1] ?? 0); k += 1) {
    const each = valuesOf(skeleton, tree.childList[k] ?? -1);
    for (const key of ["input", "output", "cost"] as const) {
      const value = each[key];
      if (value !== null) sum[key] = (sum[key] ?? 0) + value;
    }
    sum.duration += each.duration;
  }
  return sum;
}

function Name({
  skeleton,
  node,
  above,
  isMissing,
  isRunning,
}: {
  skeleton: Skeleton;
  node: number;
  above: number;
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
  const came = skeleton.service[above] ?? skeleton.service[0];
  const isForeign = service !== "" && skeleton.service[node] !== came;
  return (
    <>
      <span className="truncate flow-text" title={visible(name)}>
        {visible(name)}
      </span>
      {isForeign && <span className="flow-service">{visible(service)}</span>}
    </>
  );
}

function Tokens({ input, output }: Pick<Values, "input" | "output">) {
  const hasAny = input !== null || output !== null;
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
