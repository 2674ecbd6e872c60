/** How numbers and times are written everywhere in the UI. Pure functions; durations come in microseconds. */

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Three significant digits without an exponent: 0.00870, 4.61, 12.3, 783. */
function threeDigits(value: number): string {
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  return value.toFixed(Math.max(0, 2 - magnitude));
}

/** `783µs`, `7.83ms`, `4.61s`, `2m 03s`, `1h 02m`. */
export function formatDuration(us: number): string {
  if (us <= 0) return "0ms";
  if (us < 999.5) return `${Math.round(us)}µs`;
  if (us < 999_500) return `${threeDigits(us / 1000)}ms`;
  if (us < 59.95 * SECOND) return `${threeDigits(us / SECOND)}s`;
  const seconds = Math.round(us / SECOND);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** `$0.00870`, `$0.281`, `$1,234`; `?` where the price is unknown: unknown is never zero. */
export function formatMoney(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "?";
  if (usd === 0) return "$0";
  if (usd >= 1000) return `$${Math.round(usd).toLocaleString("en-US")}`;
  return `$${threeDigits(usd)}`;
}

/** `1,931`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** `812`, `1.9k`, `61.2k`, `1.2M`: for lists. */
export function formatCompact(value: number): string {
  if (value < 1000) return String(value);
  if (value < 999_950) return `${oneDecimal(value / 1000)}k`;
  if (value < 999_950_000) return `${oneDecimal(value / 1_000_000)}M`;
  return `${oneDecimal(value / 1_000_000_000)}B`;
}

function oneDecimal(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
}

/** `14.6%`, `<0.1%`; an exact zero is `0%`. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return "0%";
  const percent = (part / whole) * 100;
  if (percent < 0.1) return "<0.1%";
  return `${percent >= 99.95 ? 100 : oneDecimal(percent)}%`;
}

/** `182 kB`, `1.4 MB`; `size` counts characters or bytes. */
export function formatSize(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 999_500) return `${Math.round(size / 1000)} kB`;
  return `${oneDecimal(size / 1_000_000)} MB`;
}

/** `now`, `3s ago`, `2m ago`, `5h ago`, `3d ago`, then the date. Both in microseconds since the epoch. */
export function formatAgo(timeUs: number, nowUs: number): string {
  const age = nowUs - timeUs;
  if (age < SECOND) return "now";
  if (age < MINUTE) return `${Math.floor(age / SECOND)}s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)}h ago`;
  if (age < 30 * DAY) return `${Math.floor(age / DAY)}d ago`;
  return new Date(timeUs / 1000).toLocaleDateString(undefined, {
    day: "numeric",
    month: "short",
    year: "numeric",
  });
}

/** Clock time, with the date where the span of time shown reaches over a day. */
export function formatClock(timeUs: number, spanUs = 0): string {
  const date = new Date(timeUs / 1000);
  if (spanUs > 2 * DAY) {
    return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  }
  const withSeconds = spanUs > 0 && spanUs < 10 * MINUTE;
  return date.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    ...(withSeconds ? { second: "2-digit" } : {}),
    hour12: false,
  });
}

/** Day and time in the viewer's zone: `22 Nov, 14:05:09`. */
export function formatMoment(timeUs: number): string {
  return new Date(timeUs / 1000).toLocaleString(undefined, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

/** The exact instant, for tooltips: ISO 8601 with microseconds, in UTC. */
export function formatExact(timeUs: number): string {
  const whole = new Date(Math.floor(timeUs / 1000)).toISOString();
  return `${whole.slice(0, -1)}${String(Math.floor(timeUs % 1000)).padStart(3, "0")}Z`;
}
