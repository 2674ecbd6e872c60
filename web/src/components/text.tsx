import { type ReactNode, useState } from "react";
import { formatSize } from "~/base/format";
import { visible } from "~/base/visible";
import "~/components/text.css";

const HEAD = 6_000;

/** Shows the head of a long text and the rest on request; `render` draws what is shown. */
export function LongText({ text, render }: { text: string; render: (text: string) => ReactNode }) {
  const [isWhole, setWhole] = useState(false);
  const isCut = text.length > HEAD * 1.25 && !isWhole;
  return (
    <>
      {render(isCut ? text.slice(0, HEAD) : text)}
      {isCut && (
        <button type="button" className="show-all" onClick={() => setWhole(true)}>
          Show all {formatSize(text.length)}
        </button>
      )}
    </>
  );
}

/** Text exactly as it came, hidden characters written out. */
export function PlainText({ text }: { text: string }) {
  return <div className="plain-text">{visible(text)}</div>;
}
