import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { SessionRow } from "~/api/types";
import { useMedia, useNow } from "~/base/hooks";
import { useHotkeys } from "~/base/hotkeys";
import { Row } from "./row";

type ListProps = {
  rows: readonly SessionRow[];
  waiting: number;
  isStale: boolean;
  hasMore: boolean;
  isLoadingMore: boolean;
  onMore: () => void;
  onShowWaiting: () => void;
  onHeld: (isHeld: boolean) => void;
};

const ROW_HEIGHT = 58;
const CARD_HEIGHT = 116;

export function SessionsList(props: ListProps) {
  const { rows, onMore, hasMore, isLoadingMore, onHeld } = props;
  const navigate = useNavigate();
  const scroller = useRef<HTMLDivElement>(null);
  const isNarrow = useMedia("(max-width: 700px)");
  const [activeId, setActiveId] = useState<string | null>(null);
  const [isScrolled, setScrolled] = useState(false);
  const now = useNow(1000);
  const height = isNarrow ? CARD_HEIGHT : ROW_HEIGHT;
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => rows[index]?.session_id ?? index,
    overscan: 6,
  });
  const items = virtualizer.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another height makes the measured ones void
  useEffect(() => virtualizer.measure(), [height]);
  useEffect(() => {
    if (hasMore && !isLoadingMore && lastShown >= rows.length - 15) onMore();
  }, [hasMore, isLoadingMore, lastShown, rows.length, onMore]);
  useEffect(() => onHeld(isScrolled || activeId !== null), [isScrolled, activeId, onHeld]);

  const activeIndex = rows.findIndex((row) => row.session_id === activeId);
  const choose = (index: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, index));
    const row = rows[next];
    if (!row) return;
    setActiveId(row.session_id);
    virtualizer.scrollToIndex(next);
  };
  const move = (step: number) => choose(activeIndex < 0 ? 0 : activeIndex + step);
  const open = (row: SessionRow | undefined) =>
    row && navigate({ to: "/s/$sessionId", params: { sessionId: row.session_id } });
  useHotkeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    PageDown: () => move(10),
    PageUp: () => move(-10),
    Home: () => choose(0),
    End: () => choose(rows.length - 1),
    Enter: (event) => {
      const isOnControl = event.target instanceof Element && event.target.closest("a, button");
      return isOnControl || activeIndex < 0 ? false : open(rows[activeIndex]);
    },
    Escape: () => (activeId === null ? false : setActiveId(null)),
  });

  const showWaiting = () => {
    setActiveId(null);
    props.onShowWaiting();
    scroller.current?.scrollTo({ top: 0, behavior: "smooth" });
  };
  return (
    <>
      <p className="sr-only" role="status">
        {props.waiting > 0 && `${props.waiting} new sessions`}
      </p>
      {props.waiting > 0 && (
        <button type="button" className="new-pill" onClick={showWaiting}>
          ↑ {props.waiting} new
        </button>
      )}
      <div
        ref={scroller}
        className={`session-list scroll${props.isStale ? " stale" : ""}`}
        role="grid"
        aria-label="Sessions"
        aria-rowcount={props.hasMore ? -1 : rows.length + 1}
        aria-activedescendant={activeIndex >= 0 ? `row-${activeId}` : undefined}
        tabIndex={0}
        onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 4)}
      >
        <HeaderRow />
        <div className="rows" style={{ height: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <Row
                  key={row.session_id}
                  row={row}
                  index={item.index}
                  top={item.start}
                  nowUs={now}
                  isActive={row.session_id === activeId}
                  onOpen={() => void open(row)}
                />
              )
            );
          })}
        </div>
        {props.isLoadingMore && <p className="loading-more">Loading more…</p>}
      </div>
    </>
  );
}

const COLUMNS = [
  ["Session", ""],
  ["Agents", "num"],
  ["Duration", "num"],
  ["Spans", "num"],
  ["LLM", "num"],
  ["Tools", "num"],
  ["Tokens", "num"],
  ["Cost", "num"],
  ["Started", "num"],
] as const;

function HeaderRow() {
  return (
    <div className="list-header" role="row" aria-rowindex={1}>
      <span role="columnheader">
        <span className="sr-only">Status</span>
      </span>
      {COLUMNS.map(([label, kind]) => (
        <span key={label} role="columnheader" className={kind}>
          {label}
        </span>
      ))}
    </div>
  );
}
