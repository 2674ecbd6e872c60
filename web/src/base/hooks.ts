import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";

/** The current time in microseconds, renewed every `intervalMs`; stands still while `enabled` is false. */
export function useNow(intervalMs: number, enabled = true): number {
  const [now, setNow] = useState(() => Date.now() * 1000);
  useEffect(() => {
    if (!enabled) return;
    setNow(Date.now() * 1000);
    const timer = setInterval(() => setNow(Date.now() * 1000), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs, enabled]);
  return now;
}

/** True once `value` has been true for `delayMs`: a skeleton for slow answers only. */
export function useDelayed(value: boolean, delayMs: number): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!value) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), delayMs);
    return () => clearTimeout(timer);
  }, [value, delayMs]);
  return isLate && value;
}

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (changed: () => void) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => window.matchMedia(query).matches);
}

/** Size of an element in CSS pixels, followed as it changes. Give `ref` to the element. */
export function useSize<T extends HTMLElement>(): [(node: T | null) => void, number, number] {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  const observer = useRef<ResizeObserver | null>(null);
  const ref = useCallback((node: T | null) => {
    observer.current?.disconnect();
    if (!node) return;
    observer.current = new ResizeObserver(([entry]) => {
      if (entry) setSize([entry.contentRect.width, entry.contentRect.height]);
    });
    observer.current.observe(node);
  }, []);
  return [ref, size[0], size[1]];
}

/** A function that runs at most once per `intervalMs`, at the end of the interval. */
export function useThrottled(run: () => void, intervalMs: number): () => void {
  const latest = useRef(run);
  latest.current = run;
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      latest.current();
    }, intervalMs);
  }, [intervalMs]);
}
