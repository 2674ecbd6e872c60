/**
 * The tree of a session's spans, made from the server's columns.
 *
 * Nodes are numbers: `0 … spanCount-1` are the spans in the order of the columns; the numbers after them
 * stand for parents that have not been received, one for each trace that misses any.
 */

export type SpanColumns = {
  origin_us: number;
  span_id: readonly string[];
  trace_id: readonly string[];
  parent: readonly number[];
  start_us: readonly number[];
  duration_us: readonly number[];
  status: readonly number[];
};

export type SpanTree = {
  spanCount: number;
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

export function buildTree(columns: SpanColumns): SpanTree {
  const spanCount = columns.span_id.length;
  const missing = missingParents(columns);
  const count = spanCount + missing.size;
  const parent = new Int32Array(count).fill(-1);
  const startUs = new Float64Array(count);
  const endUs = new Float64Array(count);
  startUs.fill(Number.POSITIVE_INFINITY, spanCount);
  for (let i = 0; i < spanCount; i += 1) {
    const told = columns.parent[i] ?? -1;
    parent[i] = told === NOT_RECEIVED ? (missing.get(columns.trace_id[i] ?? "") ?? -1) : told;
    startUs[i] = columns.start_us[i] ?? 0;
    endUs[i] = (columns.start_us[i] ?? 0) + (columns.duration_us[i] ?? 0);
  }
  for (let i = 0; i < spanCount; i += 1) {
    const stand = parent[i] ?? -1;
    if (stand < spanCount) continue;
    startUs[stand] = Math.min(startUs[stand] ?? 0, startUs[i] ?? 0);
    endUs[stand] = Math.max(endUs[stand] ?? 0, endUs[i] ?? 0);
  }
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

function missingParents(columns: SpanColumns): Map<string, number> {
  const missing = new Map<string, number>();
  columns.parent.forEach((told, i) => {
    const trace = columns.trace_id[i] ?? "";
    if (told === NOT_RECEIVED && !missing.has(trace)) {
      missing.set(trace, columns.span_id.length + missing.size);
    }
  });
  return missing;
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

/** Which nodes are folded, as the URL writes it: short span ids; a leading `*` folds all but those named. */
export type Folds = { all: boolean; except: ReadonlySet<string> };

const SHORT = 8;

export function readFolds(text: string | undefined): Folds {
  const parts = (text ?? "").split(",").filter(Boolean);
  const all = parts[0] === "*";
  return { all, except: new Set(all ? parts.slice(1) : parts) };
}

export function writeFolds(folds: Folds): string | undefined {
  const parts = [...(folds.all ? ["*"] : []), ...folds.except];
  return parts.length > 0 ? parts.join(",") : undefined;
}

export function isFolded(folds: Folds, spanId: string): boolean {
  return folds.all !== folds.except.has(spanId.slice(0, SHORT));
}

/** The same folds with this span folded or not. */
export function setFolded(folds: Folds, spanIds: readonly string[], folded: boolean): Folds {
  const except = new Set(folds.except);
  for (const id of spanIds) {
    if (folds.all === folded) except.delete(id.slice(0, SHORT));
    else except.add(id.slice(0, SHORT));
  }
  return { all: folds.all, except };
}
