import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { queries } from "~/api/queries";
import type { TranscriptTurn } from "~/api/types";
import { formatDuration } from "~/base/format";
import { useDelayed } from "~/base/hooks";
import { useHotkeys } from "~/base/hotkeys";
import { visible } from "~/base/visible";
import { icons } from "~/components/icons";
import { KindBadge } from "~/components/kind";
import { FailureNotice, Notice, RowsSkeleton } from "~/components/states";
import { MessageView } from "./message";
import { type Block, readTranscript } from "./parts";

type ChatProps = {
  sessionId: string;
  selected: string | undefined;
  onSelect: (spanId: string) => void;
};

/** The session as one conversation. */
export function Chat({ sessionId, selected, onSelect }: ChatProps) {
  const transcript = useQuery(queries.transcript(sessionId));
  const isSlow = useDelayed(transcript.isPending, 150);
  const scroller = useRef<HTMLDivElement>(null);
  const blocks = useMemo(() => readTranscript(transcript.data?.turns ?? []), [transcript.data]);
  const virtualizer = useVirtualizer({
    count: blocks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 180,
    getItemKey: (index) => blocks[index]?.turn.span_id ?? index,
    overscan: 4,
  });
  const at = blocks.findIndex((block) => block.turn.span_id === selected);
  const step = (by: number) => {
    const next = blocks[Math.min(blocks.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (next) onSelect(next.turn.span_id);
  };
  useHotkeys({ j: () => step(1), k: () => step(-1) });
  const shown = useRef(-1);
  useEffect(() => {
    if (at >= 0 && shown.current !== at) virtualizer.scrollToIndex(at, { align: "auto" });
    shown.current = at;
  }, [at, virtualizer]);

  if (transcript.error) {
    return <FailureNotice error={transcript.error} onRetry={() => void transcript.refetch()} />;
  }
  if (transcript.isPending) {
    return <div className="chat">{isSlow && <RowsSkeleton rows={8} height={64} />}</div>;
  }
  if (blocks.length === 0) {
    return (
      <div className="chat">
        <Notice title="No messages were recorded">
          Either nothing was said, or content is not captured: <code>telemetry.content</code>{" "}
          decides that. Flow shows what ran.
        </Notice>
      </div>
    );
  }
  return (
    <section className="chat scroll" ref={scroller} tabIndex={0} aria-label="Conversation">
      <div className="chat-blocks" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => {
          const block = blocks[item.index];
          return (
            block && (
              <div
                key={item.key}
                ref={virtualizer.measureElement}
                data-index={item.index}
                className="chat-place"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Turn
                  block={block}
                  isSelected={block.turn.span_id === selected}
                  onSpan={onSelect}
                />
              </div>
            )
          );
        })}
      </div>
    </section>
  );
}

const DEPTH_MAX = 4;

type TurnProps = { block: Block; isSelected: boolean; onSpan: (spanId: string) => void };

function Turn({ block, isSelected, onSpan }: TurnProps) {
  const { turn, messages, results } = block;
  const depth = Math.min(DEPTH_MAX, Math.max(0, turn.depth - 1));
  return (
    <article className={`turn turn-${depth}${isSelected ? " turn-selected" : ""}`}>
      <TurnHeader turn={turn} onSelect={() => onSpan(turn.span_id)} />
      {turn.skipped > 0 && (
        <p className="skipped">
          {turn.skipped} earlier {turn.skipped === 1 ? "message" : "messages"} not repeated here
        </p>
      )}
      {messages.map(({ message, parts }, index) => (
        <MessageView
          // biome-ignore lint/suspicious/noArrayIndexKey: messages of one turn never move
          key={index}
          author={message.role}
          name={message.name}
          parts={parts}
          results={results}
          finishReason={message.finish_reason}
          onSpan={onSpan}
        />
      ))}
      {turn.error && (
        <p className="turn-error">
          <icons.alert size={14} />
          <strong>{visible(turn.error.type || "Error")}</strong> {visible(turn.error.message)}
        </p>
      )}
    </article>
  );
}

function TurnHeader({ turn, onSelect }: { turn: TranscriptTurn; onSelect: () => void }) {
  const isNamedByModel = turn.model && turn.span_name.includes(turn.model);
  return (
    <header className="turn-head">
      <KindBadge type={turn.type} />
      {turn.agent_name && <strong className="truncate">{visible(turn.agent_name)}</strong>}
      <button type="button" className="turn-link truncate" title="Show the span" onClick={onSelect}>
        {visible(turn.span_name)}
      </button>
      {turn.model && !isNamedByModel && <span className="muted">{visible(turn.model)}</span>}
      <span className="muted num">{formatDuration(turn.duration_us)}</span>
    </header>
  );
}
