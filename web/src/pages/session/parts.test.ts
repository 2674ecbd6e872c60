import { describe, expect, it } from "vitest";
import type { Message, TranscriptTurn } from "~/api/types";
import { readPart, readTranscript } from "./parts";

function turn(span: string, messages: Message[], type = "llm"): TranscriptTurn {
  return {
    span_id: span,
    trace_id: "t",
    span_name: "chat",
    type,
    agent_name: "",
    model: "",
    start_us: 0,
    duration_us: 0,
    status: "ok",
    depth: 0,
    skipped: 0,
    messages,
    error: null,
  };
}

function message(role: string, ...parts: Record<string, unknown>[]): Message {
  return { role, parts, name: "", finish_reason: "" };
}

describe("readTranscript", () => {
  it("puts a tool's result with its call and drops what is then empty", () => {
    const call = { type: "tool_call", id: "c1", name: "search", arguments: { q: "x" } };
    const answer = { type: "tool_call_response", id: "c1", response: "found" };
    const blocks = readTranscript([
      turn("a", [message("assistant", call)]),
      turn("b", [message("tool", answer)]),
    ]);
    expect(blocks.map((block) => block.turn.span_id)).toEqual(["a"]);
    expect(blocks[0]?.results.get("c1")).toEqual({ output: "found" });
  });

  it("joins the span that ran a tool to the call, and keeps a retry as a turn", () => {
    const call = { type: "tool_call", id: "c1", name: "search", arguments: {} };
    const answer = { type: "tool_call_response", id: "c1", response: "found" };
    const ran = turn("tool1", [message("tool", call, answer)], "tool");
    const again = turn("tool2", [message("tool", call, answer)], "tool");
    const blocks = readTranscript([turn("a", [message("assistant", call)]), ran, again]);
    expect(blocks.map((block) => block.turn.span_id)).toEqual(["a", "tool2"]);
    expect(blocks[0]?.results.get("c1")).toEqual({ output: "found", run: ran });
  });

  it("shows a call once, even where another agent is told of it", () => {
    const call = message("assistant", { type: "tool_call", id: "c1", name: "search" });
    const said = message("assistant", { type: "text", content: "Done" });
    const blocks = readTranscript([turn("a", [call]), turn("b", [call, said])]);
    expect(blocks.map((block) => block.messages.length)).toEqual([1, 1]);
  });

  it("keeps a result whose call was not recorded", () => {
    const answer = { type: "tool_call_response", id: "c9", response: { n: 1 } };
    const blocks = readTranscript([turn("b", [message("tool", answer)])]);
    expect(blocks).toHaveLength(1);
  });
});

describe("readPart", () => {
  it("accepts any JSON where text is expected", () => {
    expect(readPart({ type: "text", content: { a: 1 } })).toEqual({
      kind: "text",
      text: '{\n  "a": 1\n}',
    });
    expect(readPart({ type: "text" })).toEqual({ kind: "text", text: "" });
  });

  it("keeps parts of types it does not know", () => {
    const part = { type: "hologram", depth: 3 };
    expect(readPart(part)).toEqual({ kind: "other", type: "hologram", value: part });
  });
});
