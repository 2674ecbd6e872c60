import { Link } from "@tanstack/react-router";
import type { SpanDetail } from "~/api/types";
import { formatDuration, formatExact } from "~/base/format";
import { visible } from "~/base/visible";
import { CodeBlock, JsonBlock } from "~/components/code";

/** What happened inside the span, and what it points to. */
export function SpanEvents({ span }: { span: SpanDetail }) {
  return (
    <>
      {span.events.map((event, index) => {
        const { "exception.stacktrace": stack, ...rest } = event.attributes;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: events of one span never move
          <section key={index} className="span-event">
            <h3>
              {visible(event.name)}
              <time className="muted num" title={formatExact(event.time_us)}>
                +{formatDuration(event.time_us - span.start_us)}
              </time>
            </h3>
            {Object.keys(rest).length > 0 && <JsonBlock value={rest} />}
            {typeof stack === "string" && <CodeBlock code={stack} language="python" />}
          </section>
        );
      })}
      {span.links.map((link) => (
        <section key={`${link.trace_id}/${link.span_id}`} className="span-event">
          <h3>Link</h3>
          <p>
            <Link to="/t/$traceId" params={{ traceId: link.trace_id }} className="text-link mono">
              {link.trace_id.slice(0, 8)} / {link.span_id.slice(0, 8)}
            </Link>
          </p>
          {Object.keys(link.attributes).length > 0 && <JsonBlock value={link.attributes} />}
        </section>
      ))}
    </>
  );
}
