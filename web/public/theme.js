// Runs before the first paint, so that no theme ever flashes in the other's colours.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("agentops.theme");
  } catch {
    // Storage is off: the browser's own preference decides.
  }
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = stored ? stored === "dark" : prefersDark;
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
})();
