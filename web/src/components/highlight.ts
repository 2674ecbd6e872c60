/** Loaded on first use: highlight.js with the languages that agents speak. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

hljs.registerLanguage("bash", bash);
hljs.registerLanguage("javascript", javascript);
hljs.registerLanguage("json", json);
hljs.registerLanguage("python", python);
hljs.registerLanguage("sql", sql);
hljs.registerLanguage("xml", xml);
hljs.registerLanguage("yaml", yaml);
hljs.registerAliases(["ts", "typescript", "tsx", "jsx"], { languageName: "javascript" });

/** A piece of code with the name of what it is; leaves are text. */
export type Scope = { scope?: string; children: (Scope | string)[] };

/** Colours as a tree rather than as HTML, so that nothing is ever written as markup. */
export function highlight(code: string, language: string): Scope | null {
  if (!hljs.getLanguage(language)) return null;
  const result = hljs.highlight(code, { language, ignoreIllegals: true });
  // The one public way to a tree is an own emitter; the default one keeps it under this name.
  return (result._emitter as unknown as { rootNode: Scope }).rootNode;
}
