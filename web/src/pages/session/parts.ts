/** Reading of message parts, whose fields may hold any JSON. Pure functions. */
import type { Message, MessagePart, TranscriptTurn } from "~/api/types";

export type Part =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  | { kind: "tool-call"; id: string; name: string; input: unknown }
  | { kind: "tool-result"; id: string; output: unknown }
  | { kind: "image"; source: string; label: string }
  | { kind: "file"; label: string }
  | { kind: "other"; type: string; value: MessagePart };

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
}

export function readPart(part: MessagePart): Part {
  switch (part.type) {
    case "text":
      return { kind: "text", text: text(part.content ?? part.text) };
    case "reasoning":
      return { kind: "reasoning", text: text(part.content ?? part.text) };
    case "tool_call":
      return {
        kind: "tool-call",
        id: text(part.id),
        name: text(part.name) || "tool",
        input: part.arguments,
      };
    case "tool_call_response":
      return { kind: "tool-result", id: text(part.id), output: part.response ?? part.result };
    case "blob":
    case "uri":
    case "file":
      return readMedia(part);
    default:
      return { kind: "other", type: text(part.type) || "part", value: part };
  }
}

function readMedia(part: MessagePart): Part {
  const mime = text(part.mime_type);
  const label = mime || text(part.modality) || text(part.type);
  const isImage = part.modality === "image" || mime.startsWith("image/");
  if (isImage && part.type === "blob") {
    const source = `data:${mime || "image/png"};base64,${text(part.content ?? part.data)}`;
    return { kind: "image", source, label };
  }
  if (isImage && part.type === "uri") return { kind: "image", source: text(part.uri), label };
  return {
    kind: "file",
    label: [label, text(part.uri ?? part.file_id)].filter(Boolean).join(" · "),
  };
}

/** What a tool call came to: its output, and the turn of the span that ran it where one was recorded. */
export type ToolResult = { output: unknown; run?: TranscriptTurn };

/** Results of tool calls by the call's id; the first one told counts. */
export function collectResults(messages: readonly Message[]): Map<string, ToolResult> {
  const results = new Map<string, ToolResult>();
  for (const message of messages) {
    for (const raw of message.parts) {
      const part = readPart(raw);
      if (part.kind === "tool-result" && part.id && !results.has(part.id)) {
        results.set(part.id, { output: part.output });
      }
    }
  }
  return results;
}

/** Ids of the tool calls that messages make. */
export function collectCalls(messages: readonly Message[]): Set<string> {
  const calls = messages.flatMap((message) => message.parts.map(readPart));
  return new Set(calls.flatMap((part) => (part.kind === "tool-call" && part.id ? [part.id] : [])));
}

/** The parts of a message that are not shown elsewhere: a result stands with its call. */
export function ownParts(message: Message, calls: ReadonlySet<string>): Part[] {
  return message.parts
    .map(readPart)
    .filter((part) => part.kind !== "tool-result" || !calls.has(part.id));
}

export type Block = {
  turn: TranscriptTurn;
  messages: { message: Message; parts: Part[] }[];
  results: ReadonlyMap<string, ToolResult>;
};

/**
 * A transcript ready to draw: what a tool gave back stands with the model's call of it, and turns without
 * anything of their own are left out. A second run of the same call (a retry) stays a turn; a call that
 * another agent is told of later is shown only where it was made.
 */
export function readTranscript(turns: readonly TranscriptTurn[]) {
  const asked = collectCalls(turns.filter((turn) => turn.type !== "tool").flatMap(said));
  const results = collectResults(turns.flatMap(said));
  const blocks: Block[] = [];
  const shown = new Set<string>();
  const isNew = (part: Part) => part.kind !== "tool-call" || !part.id || !shown.has(part.id);
  for (const turn of turns) {
    if (turn.type === "tool") {
      const id = [...collectCalls(turn.messages)].find((call) => asked.has(call));
      if (id !== undefined && !results.get(id)?.run) {
        results.set(id, { output: results.get(id)?.output, run: turn });
        continue;
      }
    }
    const calls = turn.type === "tool" ? collectCalls(turn.messages) : asked;
    const own = turn.messages
      .map((message) => ({
        message,
        parts: ownParts(message, calls).filter(turn.type === "tool" ? Boolean : isNew),
      }))
      .filter(({ parts }) => parts.length > 0);
    if (own.length === 0 && !turn.error) continue;
    const known = turn.type === "tool" ? collectResults(turn.messages) : results;
    blocks.push({ turn, messages: own, results: known });
    if (turn.type !== "tool") for (const id of collectCalls(turn.messages)) shown.add(id);
  }
  return blocks;
}

function said(turn: TranscriptTurn): Message[] {
  return turn.messages;
}
