/** Which part of time is shown: a preset that ends now, an absolute span, or the fit to what there is. */
const MINUTE = 60_000_000;

export const PRESETS = [
  { key: "15m", label: "Last 15 minutes", us: 15 * MINUTE },
  { key: "1h", label: "Last hour", us: 60 * MINUTE },
  { key: "6h", label: "Last 6 hours", us: 6 * 60 * MINUTE },
  { key: "24h", label: "Last 24 hours", us: 24 * 60 * MINUTE },
  { key: "7d", label: "Last 7 days", us: 7 * 24 * 60 * MINUTE },
  { key: "30d", label: "Last 30 days", us: 30 * 24 * 60 * MINUTE },
] as const;

/** How many sessions make a time range worth looking at. */
const ENOUGH = 25;

export type SessionTimes = {
  session_count: number;
  oldest_us: number | null;
  histogram: { start_us: number; bucket_us: number; counts: readonly number[] };
};

/**
 * The smallest preset that holds every session, or at least 25 of them; `all` when none does.
 * `times` is the summary over all time.
 */
export function fitRange(times: SessionTimes, nowUs: number): string {
  const { start_us, bucket_us, counts } = times.histogram;
  for (const preset of PRESETS) {
    const from = nowUs - preset.us;
    let held = 0;
    counts.forEach((count, index) => {
      if (start_us + index * bucket_us >= from) held += count;
    });
    if (held >= Math.min(ENOUGH, times.session_count) && held > 0) return preset.key;
    if (times.oldest_us !== null && times.oldest_us >= from) return preset.key;
  }
  return "all";
}

/** Start of a preset that ends now; `undefined` for `all`. Whole seconds, so that a query key stays equal. */
export function presetStart(key: string, nowUs: number): number | undefined {
  const preset = PRESETS.find((candidate) => candidate.key === key);
  return preset && Math.floor((nowUs - preset.us) / 1_000_000) * 1_000_000;
}

export function presetLabel(key: string): string {
  if (key === "all") return "All time";
  return PRESETS.find((candidate) => candidate.key === key)?.label ?? key;
}
