// Runs before the first paint, so that a stored theme never flashes in the other one.
try {
  const theme = localStorage.getItem("agentops.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the browser's own preference decides.
}
