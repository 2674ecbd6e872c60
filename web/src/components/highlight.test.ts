import { expect, it } from "vitest";
import { highlight, type Scope } from "~/components/highlight";

function scopes(node: Scope | string): string[] {
  if (typeof node === "string") return [];
  return [...(node.scope ? [node.scope] : []), ...node.children.flatMap(scopes)];
}

function text(node: Scope | string): string {
  return typeof node === "string" ? node : node.children.map(text).join("");
}

it("gives code as a tree that holds every character", () => {
  const code = '{"a": 1, "b": "<script>"}';
  const tree = highlight(code, "json");
  expect(tree && text(tree)).toBe(code);
  expect(tree && scopes(tree)).toEqual(expect.arrayContaining(["attr", "number", "string"]));
});

it("leaves languages alone that it does not know", () => {
  expect(highlight("x", "brainfuck")).toBeNull();
});
