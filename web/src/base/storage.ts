/** Small preferences that outlive the page; where storage is off they last as long as the page. */
const fallback = new Map<string, string>();

export function readPreference(key: string): string | null {
  try {
    return localStorage.getItem(`agentops.${key}`);
  } catch {
    return fallback.get(key) ?? null;
  }
}

export function writePreference(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`agentops.${key}`);
    else localStorage.setItem(`agentops.${key}`, value);
  } catch {
    if (value === null) fallback.delete(key);
    else fallback.set(key, value);
  }
}
