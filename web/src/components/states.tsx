import type { ReactNode } from "react";
import { Button } from "~/components/button";
import { icons } from "~/components/icons";
import "~/components/states.css";

/** What a page shows in place of content it has none of. */
export function Notice({
  title,
  children,
  action,
  tone = "plain",
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  tone?: "plain" | "error";
}) {
  return (
    <div className={`notice notice-${tone}`} role={tone === "error" ? "alert" : "status"}>
      {tone === "error" && <icons.alert size={22} />}
      <h2>{title}</h2>
      {children && <div className="notice-text">{children}</div>}
      {action}
    </div>
  );
}

type Failure = { status?: number; message: string };

/** A request that failed: what the server said, and another try. */
export function FailureNotice({ error, onRetry }: { error: Failure; onRetry: () => void }) {
  if (error.status === 401) {
    return (
      <Notice tone="error" title="This browser is not signed in">
        Open the address that <code>agentops serve</code> printed: it carries the token of this
        server.
      </Notice>
    );
  }
  return (
    <Notice
      tone="error"
      title={error.message}
      action={<Button onClick={onRetry}>Try again</Button>}
    >
      {!error.status && (
        <>
          Is <code>agentops serve</code> still running?
        </>
      )}
    </Notice>
  );
}

/** Grey lines in the shape of rows, for answers that take long enough to notice. */
export function RowsSkeleton({ rows, height }: { rows: number; height: number }) {
  return (
    <div className="rows-skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike and never move
        <div key={index} style={{ height }}>
          <span style={{ width: `${38 + ((index * 29) % 44)}%` }} />
        </div>
      ))}
    </div>
  );
}
