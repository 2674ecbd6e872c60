import { useMemo, useState } from "react";
import type { Message, SpanDetail } from "~/api/types";
import { visible } from "~/base/visible";
import { JsonBlock } from "~/components/code";
import { icons } from "~/components/icons";
import { Markdown } from "~/components/markdown";
import { MessageView } from "./message";
import { collectCalls, collectResults, ownParts, readPart } from "./parts";

/** Older messages than these wait behind a button. */
const RECENT = 6;

/** Attributes that hold what a span was given and what it gave back, best known first. */
const INPUTS = ["gen_ai.tool.call.arguments", "agentops.input", "input.value"];
const OUTPUTS = ["gen_ai.tool.call.result", "agentops.output", "output.value"];

export function SpanContent({ span }: { span: SpanDetail }) {
  const hasMessages =
    span.input_messages.length + span.output_messages.length + span.system_instructions.length > 0;
  return (
    <>
      {hasMessages ? <Conversation span={span} /> : <InputOutput span={span} />}
      {span.tool_definitions.length > 0 && <ToolDefinitions tools={span.tool_definitions} />}
      <Parameters attributes={span.attributes} />
    </>
  );
}

function Conversation({ span }: { span: SpanDetail }) {
  const [isWhole, setWhole] = useState(false);
  const { input_messages: inputs, output_messages: outputs } = span;
  const { calls, results } = useMemo(() => {
    const all = [...inputs, ...outputs];
    return { calls: collectCalls(all), results: collectResults(all) };
  }, [inputs, outputs]);
  const hidden = isWhole ? 0 : Math.max(0, inputs.length - RECENT);
  const draw = (message: Message, key: string) => {
    const parts = ownParts(message, calls);
    return (
      parts.length > 0 && (
        <MessageView
          key={key}
          author={message.role}
          name={message.name}
          parts={parts}
          results={results}
          finishReason={message.finish_reason}
        />
      )
    );
  };
  return (
    <div className="messages">
      {span.system_instructions.length > 0 && (
        <MessageView
          author="system"
          parts={span.system_instructions.map(readPart)}
          results={results}
        />
      )}
      {hidden > 0 && (
        <button type="button" className="show-all" onClick={() => setWhole(true)}>
          Show {hidden} earlier {hidden === 1 ? "message" : "messages"}
        </button>
      )}
      {inputs.slice(hidden).map((message, index) => draw(message, `in${hidden + index}`))}
      {outputs.length > 0 && (
        <div className="messages-output">
          {outputs.map((message, index) => draw(message, `out${index}`))}
        </div>
      )}
    </div>
  );
}

function pick(attributes: Record<string, unknown>, keys: readonly string[]): unknown {
  return keys.map((key) => attributes[key]).find((value) => value !== undefined && value !== "");
}

function InputOutput({ span }: { span: SpanDetail }) {
  const input = pick(span.attributes, INPUTS);
  const output = pick(span.attributes, OUTPUTS);
  if (input === undefined && output === undefined) {
    return (
      <p className="muted">
        No input or output was recorded for this span. Attributes has the rest.
      </p>
    );
  }
  return (
    <div className="messages">
      {input !== undefined && <Value title="Input" value={input} />}
      {output !== undefined && <Value title="Output" value={output} />}
    </div>
  );
}

function Value({ title, value }: { title: string; value: unknown }) {
  const isProse = typeof value === "string" && !/^\s*[[{]/.test(value);
  return (
    <section className="value">
      <h3>{title}</h3>
      {isProse ? <Markdown text={value} /> : <JsonBlock value={value} />}
    </section>
  );
}

function ToolDefinitions({ tools }: { tools: readonly Record<string, unknown>[] }) {
  const [isOpen, setOpen] = useState(false);
  const names = tools.map((tool) => {
    const inner = tool.function as { name?: unknown } | undefined;
    return String(tool.name ?? inner?.name ?? tool.type ?? "tool");
  });
  return (
    <div className="fold definitions">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? <icons.chevronDown size={13} /> : <icons.chevronRight size={13} />}
        <strong>
          {tools.length} {tools.length === 1 ? "tool" : "tools"} offered
        </strong>
        {!isOpen && <span className="truncate muted">{visible(names.join(", "))}</span>}
      </button>
      {isOpen && (
        <div className="fold-body">
          <JsonBlock value={tools} />
        </div>
      )}
    </div>
  );
}

const PARAMETER = "gen_ai.request.";

/** How the model was asked: temperature and the like. */
function Parameters({ attributes }: { attributes: Record<string, unknown> }) {
  const entries = Object.entries(attributes).filter(
    ([key]) => key.startsWith(PARAMETER) && key !== "gen_ai.request.model",
  );
  if (entries.length === 0) return null;
  return (
    <section className="value">
      <h3>Parameters</h3>
      <dl className="parameters">
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>{visible(key.slice(PARAMETER.length))}</dt>
            <dd className="mono">
              {visible(typeof value === "string" ? value : JSON.stringify(value))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
