/**
 * The tree of a session's spans, made from the server's columns.
 *
 * Nodes are numbers: `0 … spanCount-1` are the spans in the order of the columns; the numbers after them
 * are stand-ins: a parent that has not been received (one for each trace that misses any), or a group
 * of many like spans in a row.
 */
import { groupId } from "~/base/folds";

export type SpanColumns = {
  origin_us: number;
  span_id: readonly string[];
  trace_id: readonly string[];
  parent: readonly number[];
  start_us: readonly number[];
  duration_us: readonly number[];
  status: readonly number[];
  name: readonly number[];
  type: readonly number[];
};

/** `first` is the first span of the group. */
export type StandIn =
  | { id: string; kind: "missing" }
  | { id: string; kind: "group"; first: number };

export type SpanTree = {
  spanCount: number;
  /** Node `spanCount + k` is `standIns[k]`. */
  standIns: readonly StandIn[];
  roots: readonly number[];
  /** Children of node `i`, ordered by start, are `childList[childStart[i] … childStart[i+1]-1]`. */
  childStart: Int32Array;
  childList: Int32Array;
  parent: Int32Array;
  depth: Int32Array;
  /** All nodes, parents before their children, as an unfolded tree is read. */
  order: Int32Array;
  /** Failed spans strictly below each node. */
  errorsBelow: Int32Array;
  /** Nodes below each node. */
  sizeBelow: Int32Array;
  /** From the session's start, µs. */
  startUs: Float64Array;
  endUs: Float64Array;
  durationUs: number;
};

const NOT_RECEIVED = -2;
/** So many like spans in a row become one line. */
export const GROUP_MIN = 10;

export function buildTree(columns: SpanColumns): SpanTree {
  const spanCount = columns.span_id.length;
  const { parent: told, standIns } = placeMissing(columns);
  const grouped = placeGroups(columns, told, standIns);
  const count = spanCount + standIns.length;
  const parent = Int32Array.from({ length: count }, (_, i) => grouped[i] ?? -1);
  const startUs = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const endUs = new Float64Array(count);
  for (let i = 0; i < spanCount; i += 1) {
    startUs[i] = columns.start_us[i] ?? 0;
    endUs[i] = (columns.start_us[i] ?? 0) + (columns.duration_us[i] ?? 0);
  }
  const widen = (i: number) => {
    const above = parent[i] ?? -1;
    if (above < spanCount) return;
    startUs[above] = Math.min(startUs[above] ?? 0, startUs[i] ?? 0);
    endUs[above] = Math.max(endUs[above] ?? 0, endUs[i] ?? 0);
  };
  for (let i = 0; i < spanCount; i += 1) widen(i);
  for (let i = count - 1; i >= spanCount; i -= 1) widen(i); // groups, then what they belong to
  const { childStart, childList } = groupChildren(parent, startUs);
  const roots = byStart(
    Array.from(parent.keys()).filter((i) => parent[i] === -1),
    startUs,
  );
  const { order, depth, tops } = walk(roots, childStart, childList, parent);
  const errorsBelow = new Int32Array(count);
  const sizeBelow = new Int32Array(count);
  for (let k = order.length - 1; k >= 0; k -= 1) {
    const node = order[k] ?? 0;
    const above = parent[node] ?? -1;
    if (above < 0) continue;
    const isFailed = node < spanCount && columns.status[node] === 2 ? 1 : 0;
    errorsBelow[above] = (errorsBelow[above] ?? 0) + (errorsBelow[node] ?? 0) + isFailed;
    sizeBelow[above] = (sizeBelow[above] ?? 0) + (sizeBelow[node] ?? 0) + 1;
  }
  let durationUs = 0;
  for (const end of endUs) durationUs = Math.max(durationUs, end);
  return {
    spanCount,
    standIns,
    roots: tops,
    childStart,
    childList,
    parent,
    depth,
    order,
    errorsBelow,
    sizeBelow,
    startUs,
    endUs,
    durationUs,
  };
}

function placeMissing(columns: SpanColumns): { parent: number[]; standIns: StandIn[] } {
  const standIns: StandIn[] = [];
  const ofTrace = new Map<string, number>();
  const parent = columns.parent.map((told, i) => {
    if (told !== NOT_RECEIVED) return told;
    const trace = columns.trace_id[i] ?? "";
    const known = ofTrace.get(trace) ?? columns.span_id.length + standIns.length;
    if (!ofTrace.has(trace)) standIns.push({ id: `m${trace}`, kind: "missing" });
    ofTrace.set(trace, known);
    return known;
  });
  return { parent, standIns };
}

/** Puts runs of childless siblings of one name and type under groups, which are added to `standIns`. */
function placeGroups(columns: SpanColumns, told: readonly number[], standIns: StandIn[]): number[] {
  const spanCount = columns.span_id.length;
  const parent = [...told];
  const inner = new Set(told);
  const runs = new Map<number, number[]>();
  for (let i = 0; i < standIns.length; i += 1) parent[spanCount + i] = -1;
  const close = (above: number) => {
    const run = runs.get(above) ?? [];
    runs.delete(above);
    const first = run[0];
    if (first === undefined || run.length < GROUP_MIN) return;
    const group = spanCount + standIns.length;
    standIns.push({ id: groupId(columns.span_id[first] ?? ""), kind: "group", first });
    parent[group] = above;
    for (const node of run) parent[node] = group;
  };
  for (let i = 0; i < spanCount; i += 1) {
    const above = told[i] ?? -1;
    const last = runs.get(above)?.at(-1);
    const isLike =
      last !== undefined &&
      columns.name[last] === columns.name[i] &&
      columns.type[last] === columns.type[i];
    if (inner.has(i) || !isLike) close(above);
    if (inner.has(i)) continue;
    const run = runs.get(above);
    if (run) run.push(i);
    else runs.set(above, [i]);
  }
  for (const above of [...runs.keys()]) close(above);
  return parent;
}

function byStart(nodes: number[], startUs: Float64Array): number[] {
  return nodes.sort((a, b) => (startUs[a] ?? 0) - (startUs[b] ?? 0) || a - b);
}

function groupChildren(parent: Int32Array, startUs: Float64Array) {
  const count = parent.length;
  const childStart = new Int32Array(count + 1);
  for (const above of parent)
    if (above >= 0) childStart[above + 1] = (childStart[above + 1] ?? 0) + 1;
  for (let i = 0; i < count; i += 1) {
    childStart[i + 1] = (childStart[i + 1] ?? 0) + (childStart[i] ?? 0);
  }
  const childList = new Int32Array(childStart[count] ?? 0);
  const filled = childStart.slice(0, count);
  parent.forEach((above, i) => {
    if (above < 0) return;
    const at = filled[above] ?? 0;
    childList[at] = i;
    filled[above] = at + 1;
  });
  for (let i = 0; i < count; i += 1) {
    const own = childList.subarray(childStart[i], childStart[i + 1]);
    if (own.length > 1) own.set(byStart(Array.from(own), startUs));
  }
  return { childStart, childList };
}

/** Parents before children. Parents that form a circle are cut at the first of them, so that all is shown. */
function walk(
  roots: readonly number[],
  childStart: Int32Array,
  childList: Int32Array,
  parent: Int32Array,
) {
  const count = parent.length;
  const depth = new Int32Array(count).fill(-1);
  const order = new Int32Array(count);
  const tops = [...roots];
  let filled = 0;
  const visit = (root: number) => {
    const stack = [root];
    depth[root] = 0;
    while (stack.length > 0) {
      const node = stack.pop() as number;
      order[filled] = node;
      filled += 1;
      for (let k = (childStart[node + 1] ?? 0) - 1; k >= (childStart[node] ?? 0); k -= 1) {
        const child = childList[k] ?? 0;
        if (depth[child] !== -1) continue;
        depth[child] = (depth[node] ?? 0) + 1;
        stack.push(child);
      }
    }
  };
  for (const root of roots) visit(root);
  for (let node = 0; filled < count && node < count; node += 1) {
    if (depth[node] !== -1) continue;
    parent[node] = -1;
    tops.push(node);
    visit(node);
  }
  return { order, depth, tops };
}

export function hasChildren(tree: SpanTree, node: number): boolean {
  return (tree.childStart[node + 1] ?? 0) > (tree.childStart[node] ?? 0);
}

/** The nodes in sight, top to bottom, when those for which `isFolded` holds hide what is below them. */
export function visibleNodes(tree: SpanTree, isFolded: (node: number) => boolean): number[] {
  const visible: number[] = [];
  const order = tree.order;
  for (let k = 0; k < order.length; k += 1) {
    const node = order[k] ?? 0;
    visible.push(node);
    if (hasChildren(tree, node) && isFolded(node)) k += tree.sizeBelow[node] ?? 0;
  }
  return visible;
}

/** Start and end of a node with all below it. */
export function extent(tree: SpanTree, node: number): [number, number] {
  let start = tree.startUs[node] ?? 0;
  let end = tree.endUs[node] ?? 0;
  const at = tree.order.indexOf(node);
  for (let k = at; k <= at + (tree.sizeBelow[node] ?? 0); k += 1) {
    const below = tree.order[k] ?? node;
    start = Math.min(start, tree.startUs[below] ?? start);
    end = Math.max(end, tree.endUs[below] ?? end);
  }
  return [start, end];
}

/** Id of a node: a span's own, or that of a stand-in. */
export function nodeId(
  tree: SpanTree,
  columns: Pick<SpanColumns, "span_id">,
  node: number,
): string {
  return columns.span_id[node] ?? tree.standIns[node - tree.spanCount]?.id ?? "";
}

/** The node with this id, or -1. */
export function findNode(
  tree: SpanTree,
  columns: Pick<SpanColumns, "span_id">,
  id: string | undefined,
): number {
  if (!id) return -1;
  const span = columns.span_id.indexOf(id);
  if (span >= 0) return span;
  const standIn = tree.standIns.findIndex((candidate) => candidate.id === id);
  return standIn < 0 ? -1 : tree.spanCount + standIn;
}

/** The stand-in that a node is, if it is one. */
export function standInOf(tree: SpanTree, node: number): StandIn | undefined {
  return tree.standIns[node - tree.spanCount];
}
