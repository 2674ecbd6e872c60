import { type RefObject, useEffect, useRef, useState } from "react";
import { useLiveState } from "~/api/live";
import { formatMoment } from "~/base/format";
import { PRESETS, presetLabel } from "~/base/range";
import { IconButton } from "~/components/button";
import { icons } from "~/components/icons";
import { isAbsolute, type SessionsSearch, withFilter, withRange } from "./search";

const EXAMPLES: [string, string][] = [
  ["status:error", "sessions that failed"],
  ["model:gpt-4o*", "a model; * is any text"],
  ["agent:planner", "an agent that took part"],
  ["tool:search_orders", "a tool that was called"],
  ["cost>0.01", "dearer than one cent"],
  ["dur>5s", "longer than five seconds"],
  ["tokens>1k", "over a thousand tokens"],
  ["tag:prod", "a tag"],
  ["-status:error", "a minus excludes"],
  ['"free text"', "words anywhere"],
];

const COMMIT_MS = 500;

/** Why a filter was refused, and at which of its characters. */
export type FilterProblem = { message: string; position: number | undefined };

type ToolbarProps = {
  filterRef: RefObject<HTMLInputElement | null>;
  search: SessionsSearch;
  fittedLabel: string | undefined;
  problem: FilterProblem | undefined;
  isLive: boolean;
  onToggleLive: () => void;
  onChange: (next: SessionsSearch, replace?: boolean) => void;
};

export function Toolbar(props: ToolbarProps) {
  const { search, onChange } = props;
  const isConnected = useLiveState() === "open";
  return (
    <div className="toolbar">
      <FilterBox
        inputRef={props.filterRef}
        value={search.q ?? ""}
        problem={props.problem}
        onCommit={(q) => onChange(withFilter(search, q), true)}
      />
      <RangePicker search={search} fittedLabel={props.fittedLabel} onChange={onChange} />
      <button
        type="button"
        className="live-toggle"
        aria-pressed={props.isLive}
        title={`Live updates (l)${props.isLive && !isConnected ? ": not connected" : ""}`}
        onClick={props.onToggleLive}
      >
        <span className={`live-dot${isConnected ? "" : " live-dot-waiting"}`} />
        Live
      </button>
    </div>
  );
}

function FilterBox({
  inputRef,
  value,
  problem,
  onCommit,
}: {
  inputRef: RefObject<HTMLInputElement | null>;
  value: string;
  problem: FilterProblem | undefined;
  onCommit: (q: string) => void;
}) {
  const [text, setText] = useState(value);
  const [isFocused, setFocused] = useState(false);
  const committed = useRef(value);
  useEffect(() => {
    if (value === committed.current) return;
    committed.current = value; // changed from outside: a link, or the browser's history
    setText(value);
  }, [value]);

  const commit = (next: string) => {
    if (next.trim() === committed.current) return;
    committed.current = next.trim();
    onCommit(committed.current);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing starts the clock
  useEffect(() => {
    const timer = setTimeout(() => commit(text), COMMIT_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const put = (next: string) => {
    setText(next);
    commit(next);
    inputRef.current?.focus();
  };
  return (
    <div className="filter">
      <div className={`filter-box${problem ? " filter-bad" : ""}`}>
        <icons.search size={15} />
        <input
          ref={inputRef}
          value={text}
          placeholder="Filter sessions: status:error model:gpt-4o* cost>0.01 words"
          aria-label="Filter sessions"
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? "filter-problem" : undefined}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onKeyDown={(event) => {
            if (event.key === "Enter") commit(text);
            if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
        {text ? (
          <IconButton label="Clear the filter" onClick={() => put("")}>
            <icons.close size={14} />
          </IconButton>
        ) : (
          <kbd>/</kbd>
        )}
      </div>
      {problem ? (
        <p className="filter-problem" id="filter-problem" role="alert">
          <Problem problem={problem} text={value} />
        </p>
      ) : (
        isFocused &&
        !text && (
          <ul className="filter-help">
            {EXAMPLES.map(([token, meaning]) => (
              <li key={token}>
                <button
                  type="button"
                  tabIndex={-1}
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => put(token)}
                >
                  <code>{token}</code>
                  <span>{meaning}</span>
                </button>
              </li>
            ))}
          </ul>
        )
      )}
    </div>
  );
}

function Problem({ problem, text }: { problem: FilterProblem; text: string }) {
  const { position } = problem;
  const message = problem.message.replace(/^at \d+: /, "");
  if (position === undefined) return message;
  return (
    <>
      {message}{" "}
      <code>
        {text.slice(0, position)}
        <mark>{text.slice(position) || " "}</mark>
      </code>
    </>
  );
}

function RangePicker({
  search,
  fittedLabel,
  onChange,
}: {
  search: SessionsSearch;
  fittedLabel: string | undefined;
  onChange: (next: SessionsSearch) => void;
}) {
  const popover = useRef<HTMLDivElement>(null);
  const pick = (range: string | undefined) => {
    popover.current?.hidePopover();
    onChange(withRange(search, range ? { range } : {}));
  };
  const current = isAbsolute(search) ? "" : (search.range ?? "auto");
  return (
    <div className="range">
      <button type="button" className="button" popoverTarget="range-menu">
        <icons.clock size={14} />
        {rangeText(search, fittedLabel)}
        <icons.chevronDown size={12} />
      </button>
      <div id="range-menu" className="menu" popover="auto" ref={popover}>
        <button type="button" aria-pressed={current === "auto"} onClick={() => pick(undefined)}>
          Fit to the data <span className="muted">{current === "auto" && fittedLabel}</span>
        </button>
        <hr />
        {PRESETS.map((preset) => (
          <button
            key={preset.key}
            type="button"
            aria-pressed={current === preset.key}
            onClick={() => pick(preset.key)}
          >
            {preset.label}
          </button>
        ))}
        <button type="button" aria-pressed={current === "all"} onClick={() => pick("all")}>
          All time
        </button>
        <p className="muted">
          Times are in {Intl.DateTimeFormat().resolvedOptions().timeZone}. Drag over the histogram
          for any other span.
        </p>
      </div>
    </div>
  );
}

function rangeText(search: SessionsSearch, fittedLabel: string | undefined): string {
  if (search.from !== undefined) {
    const end = search.to === undefined ? "now" : formatMoment(search.to);
    return `${formatMoment(search.from)} – ${end}`;
  }
  return search.range ? presetLabel(search.range) : (fittedLabel ?? "…");
}
