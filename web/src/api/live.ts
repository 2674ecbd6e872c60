/**
 * News from the server by one event stream for the whole page.
 *
 * Browsers allow six HTTP/1.1 connections to a host, so a page that is out of sight lets go of its
 * stream and, once it is seen again, tells its listeners to ask for everything anew (`reset`). So it does
 * when the server says, as the stream begins, that something has changed since the last one ended.
 */
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { SessionRow } from "~/api/types";

export type News =
  | { type: "session"; row: SessionRow }
  | { type: "spans"; sessionId: string }
  | { type: "reset" };

export type LiveState = "connecting" | "open" | "lost";

type Listener = (news: News) => void;

const RETRY_MS = [500, 1000, 2000, 4000, 8000];

class LiveFeed {
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #hasStood = false;
  #stoodUntilMs = 0; // on the page's clock, which begins with the page
  #state: LiveState = "connecting";
  readonly #listeners = new Set<Listener>();
  readonly #watchers = new Set<() => void>();

  readonly getState = (): LiveState => this.#state;

  readonly watch = (changed: () => void): (() => void) => {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  };

  listen(listener: Listener): () => void {
    if (this.#listeners.size === 0) {
      document.addEventListener("visibilitychange", this.#onVisibility);
      this.#connect();
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        document.removeEventListener("visibilitychange", this.#onVisibility);
        this.#close();
      }
    };
  }

  readonly #onVisibility = () => {
    if (document.visibilityState === "hidden") this.#close();
    else if (!this.#source) {
      this.#connect();
      this.#tell({ type: "reset" });
    }
  };

  #connect(): void {
    this.#close();
    const source = new EventSource("/api/v1/events");
    this.#source = source;
    source.onopen = () => {
      const wasLost = this.#state === "lost";
      this.#failures = 0;
      this.#hasStood = true;
      this.#set("open");
      if (wasLost) this.#tell({ type: "reset" });
    };
    source.onerror = () => this.#onError(source);
    source.addEventListener("connected", (event) => {
      const { quiet_ms } = JSON.parse(event.data) as { quiet_ms: number };
      if (quiet_ms < performance.now() - this.#stoodUntilMs) this.#tell({ type: "reset" });
      this.#stoodUntilMs = Number.POSITIVE_INFINITY;
    });
    source.addEventListener("session.upsert", (event) => {
      this.#tell({ type: "session", row: JSON.parse(event.data) as SessionRow });
    });
    source.addEventListener("span.batch", (event) => {
      const { session_id } = JSON.parse(event.data) as { session_id: string };
      this.#tell({ type: "spans", sessionId: session_id });
    });
    source.addEventListener("reset", () => this.#tell({ type: "reset" }));
  }

  #onError(source: EventSource): void {
    this.#fall();
    this.#failures += 1;
    const isDown = this.#failures > 1 || source.readyState === EventSource.CLOSED;
    if (isDown && this.#hasStood) this.#set("lost"); // else the page itself says what is wrong
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length) - 1] ?? 8000;
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #fall(): void {
    this.#stoodUntilMs = Math.min(this.#stoodUntilMs, performance.now());
  }

  #close(): void {
    this.#fall();
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    this.#source?.close();
    this.#source = null;
  }

  #tell(news: News): void {
    for (const listener of this.#listeners) listener(news);
  }

  #set(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const changed of this.#watchers) changed();
  }
}

const feed = new LiveFeed();

/** Calls `listener` for each piece of news while the component is mounted and `enabled`. */
export function useNews(listener: Listener, enabled = true): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    if (!enabled) return;
    return feed.listen((news) => latest.current(news));
  }, [enabled]);
}

/** Whether the stream stands; `lost` only if it stood once, and after a second failure: a blink shows nothing. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(feed.watch, feed.getState);
}
