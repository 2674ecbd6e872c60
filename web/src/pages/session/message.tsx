import { type ReactNode, useState } from "react";
import { formatDuration } from "~/base/format";
import { visible } from "~/base/visible";
import { CopyButton } from "~/components/button";
import { JsonBlock, parseJson } from "~/components/code";
import { icons } from "~/components/icons";
import { Markdown, SafeImage } from "~/components/markdown";
import { PlainText } from "~/components/text";
import type { Part, ToolResult } from "./parts";

const ROLES: Record<string, string> = {
  user: "User",
  assistant: "Assistant",
  system: "System",
  developer: "Developer",
  tool: "Tool",
};

const PREVIEW = 140;

type MessageProps = {
  author: string;
  name?: string | undefined;
  parts: readonly Part[];
  results: ReadonlyMap<string, ToolResult>;
  finishReason?: string | undefined;
  /** Called with the id of the span that ran a tool. */
  onSpan?: ((spanId: string) => void) | undefined;
};

/** One message: who says it, then its parts. Instructions start folded, since they repeat. */
export function MessageView({ author, name, parts, results, finishReason, onSpan }: MessageProps) {
  const isInstruction = author === "system" || author === "developer";
  const label = name || ROLES[author] || author || "Message";
  const copied = parts.map(partText).filter(Boolean).join("\n\n");
  const body = parts.map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of one message never move
    <PartView key={index} part={part} results={results} onSpan={onSpan} />
  ));
  const isOddEnd =
    finishReason &&
    !["stop", "end_turn", "tool_calls", "tool_call", "tool_use"].includes(finishReason);
  if (isInstruction) {
    return (
      <section className={`message message-${author}`}>
        <Fold label={label} preview={copied}>
          {body}
        </Fold>
      </section>
    );
  }
  if (author === "tool" && parts.every((part) => part.kind === "tool-call")) {
    return <section className="message">{body}</section>; // the call names the tool
  }
  return (
    <section className={`message message-${author}`}>
      <header>
        <strong className="author">{visible(label)}</strong>
        {isOddEnd && <span className="finish">{visible(finishReason)}</span>}
        {copied && <CopyButton text={copied} label="Copy the message" />}
      </header>
      <div className="message-body">{body}</div>
    </section>
  );
}

function partText(part: Part): string {
  return part.kind === "text" ? part.text : "";
}

/** A line that opens to what it stands for. */
function Fold({
  label,
  preview,
  icon,
  children,
}: {
  label: string;
  preview: string;
  icon?: ReactNode;
  children: ReactNode;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="fold">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? <icons.chevronDown size={13} /> : <icons.chevronRight size={13} />}
        {icon}
        <strong>{visible(label)}</strong>
        {!isOpen && (
          <span className="truncate muted">{visible(preview.slice(0, PREVIEW * 2))}</span>
        )}
      </button>
      {isOpen && <div className="fold-body">{children}</div>}
    </div>
  );
}

type PartProps = {
  part: Part;
  results: ReadonlyMap<string, ToolResult>;
  onSpan: ((spanId: string) => void) | undefined;
};

function PartView({ part, results, onSpan }: PartProps): ReactNode {
  switch (part.kind) {
    case "text":
      return <TextPart text={part.text} />;
    case "reasoning":
      return (
        <Fold label="Thinking" preview={part.text} icon={<icons.thought size={14} />}>
          <div className="reasoning">
            <Markdown text={part.text} />
          </div>
        </Fold>
      );
    case "tool-call":
      return <ToolCall part={part} result={results.get(part.id)} onSpan={onSpan} />;
    case "tool-result":
      return <JsonBlock value={part.output ?? ""} />;
    case "image":
      return <SafeImage src={part.source} alt={part.label} />;
    case "file":
      return <span className="remote-image">{visible(part.label)}</span>;
    case "other":
      return (
        <Fold label={part.type} preview={JSON.stringify(part.value)}>
          <JsonBlock value={part.value} />
        </Fold>
      );
  }
}

function TextPart({ text }: { text: string }) {
  if (!text) return null;
  return typeof parseJson(text) === "string" ? (
    <Markdown text={text} />
  ) : (
    <JsonBlock value={text} />
  );
}

function oneLine(value: unknown): string {
  const parsed = typeof value === "string" ? parseJson(value) : value;
  if (typeof parsed === "string") return parsed;
  if (parsed === undefined || parsed === null) return "";
  if (typeof parsed === "object" && !Array.isArray(parsed)) {
    return Object.entries(parsed)
      .map(([key, entry]) => `${key}: ${typeof entry === "string" ? entry : JSON.stringify(entry)}`)
      .join(", ");
  }
  return JSON.stringify(parsed);
}

type ToolCallProps = {
  part: Extract<Part, { kind: "tool-call" }>;
  result: ToolResult | undefined;
  onSpan: ((spanId: string) => void) | undefined;
};

/** A call with what came back and the span that ran it; in two lines until opened. */
function ToolCall({ part, result, onSpan }: ToolCallProps) {
  const [isOpen, setOpen] = useState(false);
  const run = result?.run;
  const error = run?.error;
  return (
    <div className={`tool-call${error ? " tool-failed" : ""}`}>
      <div className="tool-head">
        <button
          type="button"
          aria-expanded={isOpen}
          title={part.id}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? <icons.chevronDown size={13} /> : <icons.chevronRight size={13} />}
          <icons.tool size={14} />
          <strong>{visible(part.name)}</strong>
          <span className="truncate tool-input">
            {visible(oneLine(part.input).slice(0, PREVIEW))}
          </span>
        </button>
        {run && onSpan && (
          <button
            type="button"
            className="tool-span num"
            title="Show the span"
            onClick={() => onSpan(run.span_id)}
          >
            {formatDuration(run.duration_us)}
          </button>
        )}
      </div>
      {error ? (
        <div className="tool-output tool-error truncate">
          {visible([error.type, error.message].filter(Boolean).join(": "))}
        </div>
      ) : (
        !isOpen &&
        result && (
          <div className="tool-output truncate">
            <span className="muted">→</span> {visible(oneLine(result.output).slice(0, PREVIEW * 2))}
          </div>
        )
      )}
      {isOpen && (
        <div className="tool-body">
          <h5>Arguments</h5>
          <JsonBlock value={part.input ?? {}} />
          <h5>Result</h5>
          {result && result.output !== undefined ? (
            <JsonBlock value={result.output ?? ""} />
          ) : (
            <PlainText text="Not recorded" />
          )}
        </div>
      )}
    </div>
  );
}
