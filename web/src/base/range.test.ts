import { expect, it } from "vitest";
import { fitRange, presetStart } from "~/base/range";

const HOUR = 3_600_000_000;
const NOW = 1_700_000_000_000_000;

function times(agesInHours: number[]) {
  const oldest = Math.max(...agesInHours) * HOUR;
  const bucket = Math.ceil(oldest / 60);
  const counts = Array.from({ length: 61 }, () => 0);
  for (const age of agesInHours) {
    const index = Math.floor((oldest - age * HOUR) / bucket);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return {
    session_count: agesInHours.length,
    oldest_us: NOW - oldest,
    histogram: { start_us: NOW - oldest, bucket_us: bucket, counts },
  };
}

it("takes the smallest range that holds everything", () => {
  expect(fitRange(times([0.1, 0.2, 0.9]), NOW)).toBe("1h");
});

it("prefers a short range once it holds enough to look at", () => {
  const many = Array.from({ length: 30 }, (_, index) => index / 100);
  expect(fitRange(times([...many, 2000]), NOW)).toBe("7d");
  expect(fitRange(times([...many, 20]), NOW)).toBe("1h");
});

it("falls back to all time for a few old sessions", () => {
  expect(fitRange(times([900, 2000]), NOW)).toBe("all");
});

it("starts presets on whole seconds", () => {
  expect(presetStart("1h", NOW + 7)).toBe(NOW - HOUR);
  expect(presetStart("all", NOW)).toBeUndefined();
});
