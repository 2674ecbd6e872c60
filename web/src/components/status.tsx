import "~/components/status.css";

export type Status = "running" | "ok" | "error" | "stopped";

const LABELS: Record<Status, string> = {
  running: "Running",
  ok: "OK",
  error: "Error",
  stopped: "Stopped",
};

const HINTS: Record<Status, string> = {
  running: "Still running",
  ok: "Ended well",
  error: "The session failed; failures that were handled inside do not count",
  stopped: "No end was told and nothing has arrived for some minutes",
};

function mark(status: Status) {
  switch (status) {
    case "ok":
      return <path d="m5 8.2 2.1 2.1L11 5.9" />;
    case "error":
      return <path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" />;
    case "stopped":
      return <rect x="5.75" y="5.75" width="4.5" height="4.5" rx="0.8" />;
    case "running":
      return <circle cx="8" cy="8" r="2.4" className="status-core" />;
  }
}

/** The state of a session: a shape of its own for each, never colour alone. */
export function StatusIcon({ status, size = 16 }: { status: Status; size?: number }) {
  return (
    <svg
      className={`status-icon status-${status}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      role="img"
      aria-label={LABELS[status]}
    >
      <title>{HINTS[status]}</title>
      <circle cx="8" cy="8" r="7" className="status-disc" />
      {mark(status)}
    </svg>
  );
}

/** The same with its word, for headers. */
export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className={`status-badge status-${status}`} title={HINTS[status]}>
      {LABELS[status]}
    </span>
  );
}
