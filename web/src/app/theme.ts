import { useEffect, useState } from "react";
import { readPreference, writePreference } from "~/base/storage";

export type Theme = "system" | "light" | "dark";

const DARK = "(prefers-color-scheme: dark)";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function stored(): Theme {
  const value = readPreference("theme");
  return value === "light" || value === "dark" ? value : "system";
}

/** The chosen theme and a switch to the next; `public/theme.js` has applied it before the first paint. */
export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(stored);
  useEffect(() => {
    const media = window.matchMedia(DARK);
    const apply = () => {
      const isDark = theme === "system" ? media.matches : theme === "dark";
      document.documentElement.dataset.theme = isDark ? "dark" : "light";
      window.dispatchEvent(new Event("themechange"));
    };
    apply();
    media.addEventListener("change", apply);
    return () => media.removeEventListener("change", apply);
  }, [theme]);
  const switchTheme = () => {
    const next = NEXT[theme];
    writePreference("theme", next === "system" ? null : next);
    setTheme(next);
  };
  return [theme, switchTheme];
}
