import { describe, expect, it } from "vitest";
import { buildTree, extent, findNode, hasChildren, nodeId, visibleNodes } from "~/base/tree";

/** Columns from [parent, start, duration, status] of each span. */
function columns(spans: [number, number, number, number?][]) {
  return {
    origin_us: 0,
    span_id: spans.map((_, i) => `span${i}000000000000`.slice(0, 16)),
    trace_id: spans.map(() => "t"),
    parent: spans.map(([parent]) => parent),
    start_us: spans.map(([, start]) => start),
    duration_us: spans.map(([, , duration]) => duration),
    status: spans.map(([, , , status]) => status ?? 0),
    name: spans.map((_, i) => i),
    type: spans.map(() => 0),
  };
}

describe("buildTree", () => {
  it("orders parents before children and children by start", () => {
    const tree = buildTree(
      columns([
        [-1, 0, 100],
        [0, 50, 10],
        [0, 20, 10],
        [2, 22, 5, 2],
      ]),
    );
    expect(Array.from(tree.order)).toEqual([0, 2, 3, 1]);
    expect(Array.from(tree.depth)).toEqual([0, 1, 1, 2]);
    expect(Array.from(tree.errorsBelow)).toEqual([1, 0, 1, 0]);
    expect(tree.durationUs).toBe(100);
  });

  it("stands one node in for the parents that a trace misses", () => {
    const tree = buildTree(
      columns([
        [-2, 10, 10],
        [-2, 30, 20],
      ]),
    );
    expect(tree.roots).toEqual([2]);
    expect(Array.from(tree.order)).toEqual([2, 0, 1]);
    expect([tree.startUs[2], tree.endUs[2]]).toEqual([10, 50]);
  });

  it("shows every span even where parents form a circle", () => {
    const tree = buildTree(
      columns([
        [1, 0, 1],
        [0, 1, 1],
        [-1, 2, 1],
      ]),
    );
    expect(Array.from(tree.order).sort()).toEqual([0, 1, 2]);
    expect(visibleNodes(tree, () => false)).toHaveLength(3);
  });

  it("copes with a session that has no spans yet", () => {
    const tree = buildTree(columns([]));
    expect(visibleNodes(tree, () => true)).toEqual([]);
    expect(tree.durationUs).toBe(0);
  });
});

it("hides all that is below a folded node", () => {
  const tree = buildTree(
    columns([
      [-1, 0, 9],
      [0, 1, 1],
      [1, 1, 1],
      [0, 3, 1],
    ]),
  );
  expect(visibleNodes(tree, (node) => node === 1)).toEqual([0, 1, 3]);
  expect([hasChildren(tree, 1), hasChildren(tree, 3)]).toEqual([true, false]);
});

it("reaches over children that outlive their parent", () => {
  const tree = buildTree(
    columns([
      [-1, 0, 9],
      [0, 4, 2],
      [1, 3, 40],
    ]),
  );
  expect(extent(tree, 1)).toEqual([3, 43]);
});

describe("groups", () => {
  const many = Array.from({ length: 12 }, (_, i): [number, number, number, number] => [
    0,
    10 + i,
    2,
    i === 3 ? 2 : 1,
  ]);
  const repeated = columns([[-1, 0, 100], ...many, [0, 50, 5]]);
  repeated.name = repeated.name.map((_, i) => (i > 0 && i < 13 ? 1 : i));

  it("puts many like siblings in a row on one line", () => {
    const tree = buildTree(repeated);
    const group = tree.spanCount;
    expect(tree.standIns).toEqual([{ id: `g${repeated.span_id[1]}`, kind: "group", first: 1 }]);
    expect(visibleNodes(tree, (node) => node === group)).toEqual([0, group, 13]);
    expect([tree.startUs[group], tree.endUs[group]]).toEqual([10, 23]);
    expect([tree.sizeBelow[group], tree.errorsBelow[group]]).toEqual([12, 1]);
    expect(tree.parent[5]).toBe(group);
  });

  it("leaves a few, and those that have children, as they are", () => {
    const few = { ...repeated, name: repeated.name.map((name, i) => (i > 8 ? i : name)) };
    expect(buildTree(few).standIns).toEqual([]);
    const parents = {
      ...repeated,
      parent: repeated.parent.map((above, i) => (i === 13 ? 6 : above)),
    };
    expect(buildTree(parents).standIns).toEqual([]);
  });

  it("are found by their own id", () => {
    const tree = buildTree(repeated);
    expect(findNode(tree, repeated, nodeId(tree, repeated, tree.spanCount))).toBe(tree.spanCount);
    expect(findNode(tree, repeated, "nowhere")).toBe(-1);
  });
});
