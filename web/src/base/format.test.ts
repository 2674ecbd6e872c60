import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatCompact,
  formatDuration,
  formatExact,
  formatMoney,
  formatShare,
  formatSize,
} from "~/base/format";

describe("formatDuration", () => {
  it.each([
    [0, "0ms"],
    [783, "783µs"],
    [7_830, "7.83ms"],
    [783_000, "783ms"],
    [999_600, "1.00s"],
    [4_612_345, "4.61s"],
    [9_996_000, "10.0s"],
    [12_345_678, "12.3s"],
    [123_000_000, "2m 03s"],
    [3_720_000_000, "1h 02m"],
    [90_000_000_000, "1d 01h"],
  ])("writes %d µs as %s", (us, expected) => {
    expect(formatDuration(us)).toBe(expected);
  });
});

describe("formatMoney", () => {
  it.each([
    [null, "?"],
    [0, "$0"],
    [0.0087, "$0.00870"],
    [0.000012, "$0.0000120"],
    [0.2812, "$0.281"],
    [9.999, "$10.0"],
    [123.4, "$123"],
    [1234.5, "$1,235"],
  ])("writes %s as %s", (usd, expected) => {
    expect(formatMoney(usd)).toBe(expected);
  });
});

it("shortens token counts for lists", () => {
  const written = [812, 1_931, 61_200, 999_949, 1_200_000].map(formatCompact);
  expect(written).toEqual(["812", "1.9k", "61.2k", "1000k", "1.2M"]);
});

it("never rounds a share away", () => {
  const written = [formatShare(6, 41), formatShare(1, 100_000), formatShare(0, 41)];
  expect(written).toEqual(["14.6%", "<0.1%", "0%"]);
});

it("tells the age of a moment", () => {
  const now = 1_700_000_000_000_000;
  const written = [0, 3e6, 125e6, 3 * 3600e6, 50 * 3600e6].map((age) => formatAgo(now - age, now));
  expect(written).toEqual(["now", "3s ago", "2m ago", "3h ago", "2d ago"]);
});

it("keeps microseconds in the exact form", () => {
  expect(formatExact(1_700_000_000_123_456)).toBe("2023-11-14T22:13:20.123456Z");
});

it("writes sizes", () => {
  expect([999, 182_000, 1_400_000].map(formatSize)).toEqual(["999 B", "182 kB", "1.4 MB"]);
});
