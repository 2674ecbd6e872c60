import { expect, it } from "vitest";
import { formatTick, ticks } from "~/base/axis";

it("puts ticks at round times", () => {
  expect(ticks(0, 4_610_000, 6).map(formatTick)).toEqual(["0", "1s", "2s", "3s", "4s"]);
  expect(ticks(1_100_000, 1_400_000, 4).map(formatTick)).toEqual(["1.1s", "1.2s", "1.3s", "1.4s"]);
  expect(ticks(0, 150_000_000, 5).map(formatTick)).toEqual([
    "0",
    "30s",
    "1m",
    "1m 30s",
    "2m",
    "2m 30s",
  ]);
});
