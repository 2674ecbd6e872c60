import { type PointerEvent, useEffect, useRef, useState } from "react";
import type { Skeleton } from "~/api/types";
import { formatDuration } from "~/base/format";
import { useSize } from "~/base/hooks";
import { kindOf } from "~/base/kinds";
import { type SpanTree, standInOf } from "~/base/tree";

type MinimapProps = {
  tree: SpanTree;
  skeleton: Skeleton;
  wholeUs: number;
  window: [number, number] | null;
  selected: number;
  onWindow: (range: [number, number] | null) => void;
};

const HEIGHT = 46;
const TICKS = 5;
const LANE_MAX = 11;
const BRUSH_MIN = 4;

/** Every span at once, by depth; a drag zooms the view below, a double click shows all again. */
export function Minimap({
  tree,
  skeleton,
  wholeUs: whole,
  window: range,
  selected,
  onWindow,
}: MinimapProps) {
  const [ref, width] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [brush, setBrush] = useState<[number, number] | null>(null);
  const [theme, setTheme] = useState(0);

  useEffect(() => {
    const changed = () => setTheme((count) => count + 1);
    window.addEventListener("themechange", changed);
    return () => window.removeEventListener("themechange", changed);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const element = canvas.current;
    if (element && width > 0) paint(element, width / whole, tree, skeleton, selected);
  }, [width, whole, tree, skeleton, selected, theme]);

  const timeAt = (event: PointerEvent) => {
    const { left } = event.currentTarget.getBoundingClientRect();
    return (Math.min(width, Math.max(0, event.clientX - left)) / width) * whole;
  };
  const shown = brush ? ([Math.min(...brush), Math.max(...brush)] as const) : range;
  const percent = (us: number) => `${Math.min(100, Math.max(0, (us / whole) * 100))}%`;
  return (
    <div className="minimap">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: z and 0 do the same by key */}
      <div
        ref={ref}
        className="minimap-area"
        title="Drag to zoom, double click to see all"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setBrush([timeAt(event), timeAt(event)]);
        }}
        onPointerMove={(event) => brush && setBrush([brush[0], timeAt(event)])}
        onPointerUp={() => {
          if (!brush) return;
          const [start, end] = [Math.min(...brush), Math.max(...brush)];
          const isDrag = ((end - start) / whole) * width >= BRUSH_MIN;
          if (isDrag) onWindow([Math.floor(start), Math.ceil(end)]);
          setBrush(null);
        }}
        onDoubleClick={() => onWindow(null)}
      >
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${tree.spanCount} spans over ${formatDuration(tree.durationUs)}`}
        />
        {shown && (
          <>
            <div className="minimap-shade" style={{ left: 0, width: percent(shown[0]) }} />
            <div className="minimap-shade" style={{ left: percent(shown[1]), right: 0 }} />
            <div
              className="minimap-window"
              style={{ left: percent(shown[0]), width: percent(shown[1] - shown[0]) }}
            />
          </>
        )}
      </div>
    </div>
  );
}

function paint(
  canvas: HTMLCanvasElement,
  scale: number,
  tree: SpanTree,
  skeleton: Skeleton,
  selected: number,
): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.parentElement?.clientWidth ?? 0;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const resolve = (color: string) => style.getPropertyValue(color.slice(4, -1)).trim();
  const colors = skeleton.types.map((type) => resolve(kindOf(type).color));
  const errorColor = style.getPropertyValue("--error").trim();

  // The lines that groups take in the tree are not drawn here: their spans are.
  const depthOf = (node: number) => {
    const isGrouped = standInOf(tree, tree.parent[node] ?? -1)?.kind === "group";
    return (tree.depth[node] ?? 0) - (isGrouped ? 1 : 0);
  };
  let deepest = 0;
  for (let node = 0; node < tree.spanCount; node += 1) deepest = Math.max(deepest, depthOf(node));
  const lane = Math.min(LANE_MAX, (HEIGHT - TICKS - 3) / (deepest + 1));
  const top = TICKS + 1 + (HEIGHT - TICKS - 3 - lane * (deepest + 1)) / 2;
  const height = Math.max(1, lane > 3 ? lane - 1.5 : lane);
  for (const node of tree.order) {
    if (node >= tree.spanCount) continue;
    const x = (tree.startUs[node] ?? 0) * scale;
    const span = ((tree.endUs[node] ?? 0) - (tree.startUs[node] ?? 0)) * scale;
    const y = top + depthOf(node) * lane;
    const isFailed = skeleton.status[node] === 2;
    const hasInner = (tree.sizeBelow[node] ?? 0) > 0;
    context.globalAlpha = node === selected ? 1 : hasInner ? 0.35 : 0.9;
    context.fillStyle = colors[skeleton.type[node] ?? 0] ?? errorColor;
    context.fillRect(x, y, Math.max(1, span), height);
    if (isFailed) {
      context.globalAlpha = 1;
      context.fillStyle = errorColor;
      context.fillRect(Math.min(width - 2, x + span - 1), 0, 2, TICKS);
    }
  }
}
