import { expect, it } from "vitest";
import { readSessionsSearch, toQuery, withFilter, withRange } from "./search";

it("reads only what it knows from the address", () => {
  expect(readSessionsSearch({ q: "status:error", from: "12", to: "x", other: "1" })).toEqual({
    q: "status:error",
    from: 12,
  });
});

it("lets one range of time replace another and keeps the filter", () => {
  const search = { q: "tag:prod", range: "all" };
  expect(withRange(search, { from: 1, to: 2 })).toEqual({ q: "tag:prod", from: 1, to: 2 });
  expect(withRange(search, {})).toEqual({ q: "tag:prod" });
  expect(withFilter(search, "")).toEqual({ range: "all" });
});

it("asks the server for an absolute range as it stands, and for a preset up to now", () => {
  const now = 10_000_000_000_000;
  expect(toQuery({ from: 1, to: 2 }, "1h", now)).toEqual({ q: "", from: 1, to: 2 });
  expect(toQuery({ q: "a" }, "1h", now)).toEqual({ q: "a", from: now - 3.6e9, to: undefined });
  expect(toQuery({ range: "all" }, "1h", now).from).toBeUndefined();
});
