import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useLiveState } from "~/api/live";
import { Help } from "~/app/help";
import { type Theme, useTheme } from "~/app/theme";
import { useHotkeys } from "~/base/hotkeys";
import { IconButton } from "~/components/button";
import { icons } from "~/components/icons";
import "~/app/shell.css";

const THEME_ICONS = { system: icons.system, light: icons.sun, dark: icons.moon };
const THEME_LABELS: Record<Theme, string> = {
  system: "Theme: as the system",
  light: "Theme: light",
  dark: "Theme: dark",
};

/** The frame around every page: name, navigation, theme, help, and the state of the connection. */
export function Shell() {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [theme, switchTheme] = useTheme();
  const navigate = useNavigate();
  const live = useLiveState();
  useHotkeys({
    "?": () => setHelpOpen(true),
    g: () => navigate({ to: "/sessions" }),
    t: switchTheme,
  });
  const ThemeIcon = THEME_ICONS[theme];
  return (
    <div className="shell">
      <header className="topbar">
        <Link to="/sessions" className="brand" aria-label="AgentOps: sessions">
          <Mark />
          AgentOps
        </Link>
        <nav aria-label="Main">
          <Link to="/sessions" activeProps={{ "aria-current": "page" }}>
            Sessions
          </Link>
        </nav>
        <div id="topbar-slot" />
        <IconButton label="Keyboard (?)" onClick={() => setHelpOpen(true)}>
          <icons.help />
        </IconButton>
        <IconButton label={`${THEME_LABELS[theme]} (t)`} onClick={switchTheme}>
          <ThemeIcon />
        </IconButton>
      </header>
      {live === "lost" && (
        <div className="connection-lost" role="status">
          Connection lost, trying again. What you see stays as it was.
        </div>
      )}
      <main>
        <Outlet />
      </main>
      <Help isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </div>
  );
}

function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <g fill="none" stroke="var(--on-accent)" strokeWidth="3" strokeLinecap="round">
        <path d="M8 10h13" />
        <path d="M12 16h12" />
        <path d="M16 22h6" opacity=".65" />
      </g>
    </svg>
  );
}
