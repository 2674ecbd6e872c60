import { useEffect, useRef } from "react";

/** What a key does; return `false` to leave the key to the browser. */
export type Hotkeys = Record<string, (event: KeyboardEvent) => unknown>;

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Name of a key press as the maps write it: `j`, `Shift+ArrowLeft`, `/`. Letters carry their own case. */
export function keyName(event: KeyboardEvent): string {
  const isNamed = event.key.length > 1;
  return isNamed && event.shiftKey ? `Shift+${event.key}` : event.key;
}

/** Listens for single keys while the component is mounted; silent while the user types or a dialog is open. */
export function useHotkeys(hotkeys: Hotkeys, enabled = true): void {
  const current = useRef(hotkeys);
  current.current = hotkeys;
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const action = current.current[keyName(event)];
      if (action && action(event) !== false) event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [enabled]);
}
