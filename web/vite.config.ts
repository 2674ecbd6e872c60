/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backend = process.env.AGENTOPS_BACKEND ?? "http://127.0.0.1:4320";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../agentops/server/static",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy allows files, not data: fonts
    license: { fileName: "licenses.md" },
    reportCompressedSize: false,
    target: "es2023",
  },
  // The sign-in cookie belongs to the host name that `agentops serve` prints.
  server: { host: "127.0.0.1", proxy: { "/api": { target: backend, changeOrigin: true } } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
