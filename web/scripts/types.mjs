// Makes src/api/schema.d.ts from the server's OpenAPI document; with --check it only says whether it is stale.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = fileURLToPath(new URL("../src/api/schema.d.ts", import.meta.url));
const venv = `${root}.venv/bin/python`;
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : "python3");
const heading = "// Made by `npm run types` from the server's OpenAPI document. Do not edit.\n";

const document = JSON.parse(
  execFileSync(python, ["-m", "agentops.server.api.openapi"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  }),
);
const printed = astToString(await openapiTS(document));
// One line for each type and operation: the file is for the compiler, a diff still names what changed.
const text = heading + printed.replace(/\n {9,}/g, " ");

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("src/api/schema.d.ts is stale; run: npm run types");
  process.exit(1);
}
