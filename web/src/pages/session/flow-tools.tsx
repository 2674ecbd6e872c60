import type { Skeleton } from "~/api/types";
import { setFolded, writeFolds } from "~/base/folds";
import { useHotkeys } from "~/base/hotkeys";
import { kindOf } from "~/base/kinds";
import { extent, findNode, nodeId, type SpanTree } from "~/base/tree";
import { Button, IconButton } from "~/components/button";
import { icons } from "~/components/icons";
import { KindBadge } from "~/components/kind";
import type { SessionSearch } from "./search";

export type Change = (
  patch: Partial<Record<keyof SessionSearch, string | number | undefined>>,
) => void;

type ToolsProps = { tree: SpanTree; skeleton: Skeleton; search: SessionSearch; onChange: Change };

/** What acts on the whole tree, by button and by key. */
export function FlowTools({ tree, skeleton, search, onChange }: ToolsProps) {
  const selected = findNode(tree, skeleton, search.span);
  const failed = Array.from(tree.order).filter(
    (node) => node < tree.spanCount && skeleton.status[node] === 2,
  );
  const foldAll = () => {
    const tops = tree.roots.map((node) => nodeId(tree, skeleton, node));
    onChange({ fold: writeFolds(setFolded({ all: true, except: new Set() }, tops, false)) });
  };
  const unfoldAll = () => onChange({ fold: undefined });
  const zoomIn = () => {
    if (selected < 0) return false;
    const [start, end] = extent(tree, selected);
    const margin = Math.max(1, (end - start) * 0.02);
    onChange({ t0: Math.max(0, Math.floor(start - margin)), t1: Math.ceil(end + margin) });
  };
  const zoomOut = () => onChange({ t0: undefined, t1: undefined });
  const goToError = (step: 1 | -1) => {
    const at = failed.indexOf(selected);
    const next =
      at < 0 && step < 0 ? failed.length - 1 : (at + step + failed.length) % failed.length;
    const node = failed[next];
    if (node !== undefined) onChange({ span: nodeId(tree, skeleton, node) });
  };
  useHotkeys({
    "[": foldAll,
    "]": unfoldAll,
    z: zoomIn,
    "0": zoomOut,
    e: () => goToError(1),
    E: () => goToError(-1),
  });
  const types = skeleton.types.filter((_, index) => skeleton.type.includes(index));
  return (
    <>
      <IconButton label="Fold all ([)" onClick={foldAll}>
        <icons.fold />
      </IconButton>
      <IconButton label="Unfold all (])" onClick={unfoldAll}>
        <icons.unfold />
      </IconButton>
      <IconButton label="Zoom to the selected span (z)" disabled={selected < 0} onClick={zoomIn}>
        <icons.zoom />
      </IconButton>
      {search.t1 !== undefined && (
        <Button variant="ghost" onClick={zoomOut} title="Show the whole session (0)">
          Reset zoom
        </Button>
      )}
      {failed.length > 0 && (
        <Button variant="ghost" className="next-error" onClick={() => goToError(1)}>
          <icons.alert size={14} />
          {failed.length === 1 ? "1 error" : `${failed.length} errors`}
          <kbd>e</kbd>
        </Button>
      )}
      <span className="legend">
        {types.map((type) => (
          <span key={type}>
            <KindBadge type={type} />
            {kindOf(type).label}
          </span>
        ))}
      </span>
    </>
  );
}
