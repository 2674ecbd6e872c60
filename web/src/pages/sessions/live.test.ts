import { expect, it } from "vitest";
import type { SessionRow } from "~/api/types";
import { patchRows, prependRows } from "./live";

function row(session_id: string, span_count = 1): SessionRow {
  return { session_id, span_count } as SessionRow;
}

function pages(...lists: SessionRow[][]) {
  return {
    pages: lists.map((sessions) => ({
      sessions,
      next_cursor: null,
      total: 3,
      total_is_exact: true,
    })),
    pageParams: lists.map(() => undefined),
  };
}

it("changes a row in its place and leaves other pages untouched", () => {
  const before = pages([row("a"), row("b")], [row("c")]);
  const after = patchRows(before, new Map([["b", row("b", 9)]]));
  expect(after.pages[0]?.sessions.map((each) => each.span_count)).toEqual([1, 9]);
  expect(after.pages[1]).toBe(before.pages[1]);
});

it("puts new rows on top, each once, and counts them", () => {
  const after = prependRows(pages([row("b")], [row("c")]), [row("a"), row("c")]);
  expect(after.pages[0]?.sessions.map((each) => each.session_id)).toEqual(["a", "b"]);
  expect(after.pages[0]?.total).toBe(4);
});
