import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Navigate } from "@tanstack/react-router";
import type { ApiError } from "~/api/client";
import { queries } from "~/api/queries";
import { FailureNotice, Notice } from "~/components/states";

const route = getRouteApi("/t/$traceId");

/** The address of a trace, as other tools know it: leads to the session that shows it. */
export function TracePage() {
  const { traceId } = route.useParams();
  const trace = useQuery(queries.trace(traceId));
  const error = trace.error as ApiError | null;
  if (trace.data) {
    return <Navigate to="/s/$sessionId" params={{ sessionId: trace.data.session_id }} replace />;
  }
  if (error?.status === 404) {
    return (
      <Notice
        title="There is no such trace"
        action={<Link to="/sessions">Go to the sessions</Link>}
      >
        This server has not received anything of it.
      </Notice>
    );
  }
  return error && <FailureNotice error={error} onRetry={() => void trace.refetch()} />;
}
