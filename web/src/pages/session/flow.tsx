import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, useEffect, useMemo, useRef } from "react";
import type { Skeleton } from "~/api/types";
import { formatTick, tickStep, ticks } from "~/base/axis";
import { isFolded, readFolds, setFolded, writeFolds } from "~/base/folds";
import { useSize } from "~/base/hooks";
import { useHotkeys } from "~/base/hotkeys";
import { findNode, hasChildren, nodeId, type SpanTree, visibleNodes } from "~/base/tree";
import { FlowRow } from "./flow-row";
import type { Change } from "./flow-tools";
import type { SessionSearch } from "./search";

type FlowProps = {
  tree: SpanTree;
  skeleton: Skeleton;
  search: SessionSearch;
  /** Length of the time axis, µs; grows while the session runs. */
  wholeUs: number;
  isRunning: boolean;
  onChange: Change;
};

const ROW_HEIGHT = 30;
const TICK_WIDTH = 66;
/** Room that the text of a tick takes; with less to its right it stands on the left. */
const TICK_LABEL = 40;

/** Tree and waterfall in the same rows; only the rows in sight exist. */
export function Flow({ tree, skeleton, search, wholeUs, isRunning, onChange }: FlowProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [axis, axisWidth] = useSize<HTMLDivElement>();
  const folds = useMemo(() => readFolds(search.fold), [search.fold]);
  const nodes = useMemo(
    () => visibleNodes(tree, (node) => isFolded(folds, nodeId(tree, skeleton, node))),
    [tree, skeleton, folds],
  );
  const selected = findNode(tree, skeleton, search.span);
  const from = search.t1 === undefined ? 0 : (search.t0 ?? 0);
  const to = search.t1 ?? wholeUs;
  const position = nodes.indexOf(selected);

  const virtualizer = useVirtualizer({
    count: nodes.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
    scrollPaddingStart: ROW_HEIGHT,
  });

  // A span that is selected from elsewhere comes into sight: its ancestors unfold and it is scrolled to.
  const revealed = useRef(-1);
  useEffect(() => {
    if (selected < 0 || revealed.current === selected) return;
    if (position >= 0) {
      revealed.current = selected;
      virtualizer.scrollToIndex(position, { align: "auto" });
      return;
    }
    const above: string[] = [];
    for (let at = tree.parent[selected] ?? -1; at >= 0; at = tree.parent[at] ?? -1) {
      above.push(nodeId(tree, skeleton, at));
    }
    onChange({ fold: writeFolds(setFolded(folds, above, false)) });
  }, [selected, position, virtualizer, tree, skeleton, folds, onChange]);

  const select = (index: number) => {
    const node = nodes[Math.min(nodes.length - 1, Math.max(0, index))];
    if (node !== undefined) onChange({ span: nodeId(tree, skeleton, node) });
  };
  const fold = (node: number, folded: boolean) =>
    onChange({ fold: writeFolds(setFolded(folds, [nodeId(tree, skeleton, node)], folded)) });
  const step = (by: number) => select(position < 0 ? 0 : position + by);
  useHotkeys({
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    j: () => step(1),
    k: () => step(-1),
    PageDown: () => step(15),
    PageUp: () => step(-15),
    Home: () => select(0),
    End: () => select(nodes.length - 1),
    ArrowRight: () => {
      if (selected < 0) return false;
      const isOpen = !isFolded(folds, nodeId(tree, skeleton, selected));
      if (hasChildren(tree, selected) && !isOpen) fold(selected, false);
      else if (hasChildren(tree, selected)) step(1);
    },
    ArrowLeft: () => {
      if (selected < 0) return false;
      const isOpen = !isFolded(folds, nodeId(tree, skeleton, selected));
      if (hasChildren(tree, selected) && isOpen) fold(selected, true);
      else select(nodes.indexOf(tree.parent[selected] ?? -1));
    },
  });

  const ticksMax = Math.max(2, Math.floor(axisWidth / TICK_WIDTH));
  const tickTimes = ticks(from, to, ticksMax);
  const scale = axisWidth / Math.max(1, to - from);
  const tickWidth = tickStep(to - from, ticksMax) * scale;
  const grid = {
    "--tick": `${tickWidth}px`,
    "--tick-offset": `${((tickTimes[0] ?? from) - from) * scale}px`,
  } as CSSProperties;
  return (
    <div
      ref={scroller}
      className="flow scroll"
      role="treegrid"
      aria-label="Spans"
      aria-rowcount={nodes.length + 1}
      aria-activedescendant={position >= 0 ? `span-${search.span}` : undefined}
      tabIndex={0}
      style={grid}
    >
      <div className="flow-header" role="row" aria-rowindex={1}>
        <span role="columnheader">Span</span>
        <span role="columnheader" className="num flow-tokens">
          Tokens
        </span>
        <span role="columnheader" className="num flow-cost">
          Cost
        </span>
        <span role="columnheader" className="num">
          Duration
        </span>
        <div className="axis" ref={axis} role="columnheader" aria-label="Timeline">
          {tickTimes.map((at) => {
            const left = (at - from) * scale;
            const isLast = axisWidth - left < TICK_LABEL;
            if (isLast && tickWidth < TICK_WIDTH) return null; // it would stand on the one before
            return (
              <span key={at} className={`num${isLast ? " axis-last" : ""}`} style={{ left }}>
                {formatTick(at)}
              </span>
            );
          })}
        </div>
      </div>
      <div className="flow-rows" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => {
          const node = nodes[item.index] ?? 0;
          const id = nodeId(tree, skeleton, node);
          return (
            <FlowRow
              key={id}
              tree={tree}
              skeleton={skeleton}
              node={node}
              index={item.index}
              top={item.start}
              from={from}
              to={to}
              nowUs={isRunning ? wholeUs : null}
              isFolded={isFolded(folds, id)}
              isSelected={node === selected}
              onSelect={() => select(item.index)}
              onFold={(folded) => fold(node, folded)}
            />
          );
        })}
      </div>
    </div>
  );
}
