/** Short names for the server's types; the shapes themselves are generated. */
import type { components } from "~/api/schema";

type Schemas = components["schemas"];

export type ErrorBrief = Schemas["ErrorBrief"];
export type Message = Schemas["Message"];
export type ServerStatus = Schemas["ServerStatus"];
export type SessionDetail = Schemas["SessionDetail"];
export type SessionList = Schemas["SessionList"];
export type SessionRow = Schemas["SessionRow"];
export type SessionsSummary = Schemas["SessionsSummary"];
export type Skeleton = Schemas["Skeleton"];
export type SpanDetail = Schemas["SpanDetail"];
export type Transcript = Schemas["Transcript"];
export type TranscriptTurn = Schemas["TranscriptTurn"];

/** One part of a message; `type` says which of the other fields there are. Every field may hold any JSON. */
export type MessagePart = { [key: string]: unknown };
