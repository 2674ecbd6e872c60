import { type ReactNode, useEffect, useState } from "react";
import { visible } from "~/base/visible";
import { CopyButton } from "~/components/button";
import type { Scope } from "~/components/highlight";
import { LongText } from "~/components/text";

/** Longer code stays plain: colouring it would hold up the page. */
const HIGHLIGHT_MAX = 50_000;

type Highlighter = (code: string, language: string) => Scope | null;

let highlighter: Promise<Highlighter> | null = null;

function draw(node: Scope | string, key: number): ReactNode {
  if (typeof node === "string") return visible(node);
  const className = node.scope ? `hl-${node.scope.split(".")[0]}` : undefined;
  return (
    <span key={key} className={className}>
      {node.children.map(draw)}
    </span>
  );
}

/** Coloured code; the colours come a moment later, since the highlighter is loaded on first use. */
export function Highlighted({ code, language }: { code: string; language: string }) {
  const [scope, setScope] = useState<Scope | null>(null);
  useEffect(() => {
    let isCurrent = true;
    setScope(null);
    if (code.length > HIGHLIGHT_MAX) return;
    highlighter ??= import("~/components/highlight").then((module) => module.highlight);
    void highlighter.then((highlight) => isCurrent && setScope(highlight(code, language)));
    return () => {
      isCurrent = false;
    };
  }, [code, language]);
  return <code>{scope ? scope.children.map(draw) : visible(code)}</code>;
}

export function CodeBlock({ code, language }: { code: string; language: string }) {
  return (
    <div className="code-block">
      <div className="code-copy">
        <CopyButton text={code} />
      </div>
      <LongText
        text={code}
        render={(shown) => (
          <pre className="scroll" tabIndex={0}>
            <Highlighted code={shown} language={language} />
          </pre>
        )}
      />
    </div>
  );
}

/** Any JSON value; a string that holds JSON is shown as what it holds. */
export function JsonBlock({ value }: { value: unknown }) {
  const parsed = typeof value === "string" ? parseJson(value) : value;
  if (typeof parsed === "string") return <CodeBlock code={parsed} language="plaintext" />;
  return <CodeBlock code={JSON.stringify(parsed, null, 2) ?? "null"} language="json" />;
}

/** The object or list that a text holds, otherwise the text itself. */
export function parseJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
