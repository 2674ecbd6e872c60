import { useState } from "react";
import type { SpanDetail } from "~/api/types";
import { visible } from "~/base/visible";
import { CopyButton } from "~/components/button";
import { JsonBlock, parseJson } from "~/components/code";

type Values = Record<string, unknown>;

/** Raw attributes, searchable by key and value. Keys are as untrusted as values. */
export function Attributes({ span }: { span: SpanDetail }) {
  const [text, setText] = useState("");
  const sections: [string, Values][] = [
    ["Span", span.attributes],
    ["Resource", span.resource_attributes],
    [
      "Identity",
      {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        session_id: span.session_id,
        kind: span.kind,
        scope: [span.scope_name, span.scope_version].filter(Boolean).join(" "),
      },
    ],
  ];
  const found = sections.map(([title, values]) => [title, search(values, text)] as const);
  return (
    <>
      <input
        className="attribute-search"
        type="search"
        placeholder="Search keys and values"
        aria-label="Search attributes"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {span.dropped_attributes > 0 && (
        <p className="muted">{span.dropped_attributes} more were dropped by the sender's limits.</p>
      )}
      {found.map(
        ([title, entries]) =>
          entries.length > 0 && (
            <section key={title} className="attributes">
              <h3>{title}</h3>
              <dl>
                {entries.map(([key, value]) => (
                  <Entry key={key} name={key} value={value} />
                ))}
              </dl>
            </section>
          ),
      )}
      {found.every(([, entries]) => entries.length === 0) && (
        <p className="muted">No attribute matches.</p>
      )}
    </>
  );
}

function search(values: Values, text: string): [string, unknown][] {
  const wanted = text.trim().toLowerCase();
  const entries = Object.entries(values)
    .filter(([, value]) => value !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (!wanted) return entries;
  return entries.filter(
    ([key, value]) =>
      key.toLowerCase().includes(wanted) || asText(value).toLowerCase().includes(wanted),
  );
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

const INLINE_MAX = 160;

function Entry({ name, value }: { name: string; value: unknown }) {
  const text = asText(value);
  const isLong =
    text.length > INLINE_MAX || (typeof value === "string" && parseJson(value) !== value);
  return (
    <div className={isLong ? "attribute-long" : ""}>
      <dt>{visible(name)}</dt>
      <dd>
        {isLong ? <JsonBlock value={value} /> : <span>{visible(text)}</span>}
        {!isLong && <CopyButton text={text} label={`Copy the value of ${name}`} />}
      </dd>
    </div>
  );
}
