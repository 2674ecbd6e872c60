/** Ticks of a time axis at round steps: 1, 2 or 5 of a decimal unit below a minute, then clock steps. */
const SECOND = 1_000_000;
const CLOCK_STEPS = [60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * SECOND,
);

export function tickStep(spanUs: number, ticksMax: number): number {
  const least = spanUs / Math.max(1, ticksMax);
  if (least > 30 * SECOND) {
    return CLOCK_STEPS.find((step) => step >= least) ?? Math.ceil(least / SECOND) * SECOND;
  }
  if (least > 20 * SECOND) return 30 * SECOND;
  const decade = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * decade).find((step) => step >= least) ?? decade;
}

export function ticks(fromUs: number, toUs: number, ticksMax: number): number[] {
  const step = tickStep(toUs - fromUs, ticksMax);
  const list: number[] = [];
  for (let at = Math.ceil(fromUs / step) * step; at <= toUs; at += step) list.push(at);
  return list;
}

/** `0`, `500ms`, `1.5s`, `2m`, `1h 30m`: shorter than a duration, since steps are round. */
export function formatTick(us: number): string {
  if (us === 0) return "0";
  if (us < 1000) return `${us}µs`;
  if (us < SECOND) return `${us / 1000}ms`;
  if (us < 60 * SECOND) return `${us / SECOND}s`;
  const minutes = Math.floor(us / (60 * SECOND));
  const seconds = Math.round((us % (60 * SECOND)) / SECOND);
  const hours = Math.floor(minutes / 60);
  return [hours && `${hours}h`, minutes % 60 && `${minutes % 60}m`, seconds && `${seconds}s`]
    .filter(Boolean)
    .join(" ");
}
