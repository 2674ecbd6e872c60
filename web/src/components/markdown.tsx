import { lexer, type Token, type Tokens } from "marked";
import { memo, type ReactNode, useMemo } from "react";
import { visible } from "~/base/visible";
import { CodeBlock } from "~/components/code";
import { LongText } from "~/components/text";
import "~/components/text.css";

/**
 * Markdown from models, tools and users, who may all be hostile: it is read into tokens and drawn as
 * elements, so no HTML in it is ever interpreted, no image is loaded from elsewhere, and links lead
 * only to http, https and mail addresses with their host in sight.
 */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return <LongText text={text} render={(shown) => <Parsed text={shown} />} />;
});

function Parsed({ text }: { text: string }) {
  const tokens = useMemo(() => lexer(text, { gfm: true, breaks: true }), [text]);
  return <div className="markdown">{drawAll(tokens)}</div>;
}

function drawAll(tokens: readonly Token[] | undefined): ReactNode {
  // biome-ignore lint/suspicious/noArrayIndexKey: tokens of one text never move
  return tokens?.map((token, index) => <Drawn key={index} token={token as Tokens.Generic} />);
}

const HEADINGS = ["h3", "h3", "h4", "h4", "h4", "h4"] as const;

function Drawn({ token }: { token: Tokens.Generic }): ReactNode {
  const inner = () => drawAll(token.tokens);
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const Heading = HEADINGS[(token.depth ?? 1) - 1] ?? "h4";
      return <Heading>{inner()}</Heading>;
    }
    case "paragraph":
      return <p>{inner()}</p>;
    case "blockquote":
      return <blockquote>{inner()}</blockquote>;
    case "code":
      return <CodeBlock code={String(token.text)} language={languageOf(token.lang)} />;
    case "hr":
      return <hr />;
    case "list":
      return <List token={token as Tokens.List} />;
    case "table":
      return <Table token={token as Tokens.Table} />;
    case "strong":
      return <strong>{inner()}</strong>;
    case "em":
      return <em>{inner()}</em>;
    case "del":
      return <del>{inner()}</del>;
    case "codespan":
      return <code>{visible(String(token.text))}</code>;
    case "br":
      return <br />;
    case "link":
      return <SafeLink href={String(token.href)}>{inner()}</SafeLink>;
    case "image":
      return <SafeImage src={String(token.href)} alt={String(token.text)} />;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "text":
      return token.tokens ? inner() : visible(String(token.text));
    case "escape":
      return visible(String(token.text));
    default: // raw HTML, and whatever comes later: shown as the text it is
      return visible(String(token.raw));
  }
}

function languageOf(info: unknown): string {
  return typeof info === "string" && info ? (info.split(/\s/)[0] ?? "") : "plaintext";
}

function List({ token }: { token: Tokens.List }) {
  const items = token.items.map((item, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: items of one text never move
    <li key={index}>{drawAll(item.tokens)}</li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token }: { token: Tokens.Table }) {
  const row = (cells: Tokens.TableCell[], Cell: "th" | "td") =>
    cells.map((cell, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: cells of one text never move
      <Cell key={index} style={cell.align ? { textAlign: cell.align } : undefined}>
        {drawAll(cell.tokens)}
      </Cell>
    ));
  return (
    <div className="table-scroll scroll">
      <table>
        <thead>
          <tr>{row(token.header, "th")}</tr>
        </thead>
        <tbody>
          {token.rows.map((cells, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of one text never move
            <tr key={index}>{row(cells, "td")}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The address if it may be followed. */
export function safeUrl(href: string): URL | null {
  let url: URL;
  try {
    url = new URL(href);
  } catch {
    return null; // relative: it would lead into our own pages
  }
  return ["http:", "https:", "mailto:"].includes(url.protocol) ? url : null;
}

function SafeLink({ href, children }: { href: string; children: ReactNode }) {
  const url = safeUrl(href);
  if (!url) return <span title={visible(href)}>{children}</span>;
  return (
    <a href={url.href} target="_blank" rel="noopener noreferrer" title={url.href}>
      {children}
      {url.host && <small> ({url.host})</small>}
    </a>
  );
}

const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;

/** An image that is part of the text is shown; one from elsewhere would tell its host that we look. */
export function SafeImage({ src, alt }: { src: string; alt: string }) {
  if (INLINE_IMAGE.test(src)) return <img className="inline-image" src={src} alt={visible(alt)} />;
  const url = safeUrl(src);
  const label = `Image${alt ? `: ${visible(alt)}` : ""}`;
  if (!url) return <span className="remote-image">{label}</span>;
  return (
    <a
      className="remote-image"
      href={url.href}
      target="_blank"
      rel="noopener noreferrer"
      title={`Not loaded. Opens ${url.href}`}
    >
      {label} <small>({url.host})</small>
    </a>
  );
}
