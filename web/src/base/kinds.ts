/** What a span is for, as people see it: a letter, a word and a colour variable for each type. */
export type Kind = { letter: string; label: string; color: string };

const OTHER: Kind = { letter: "·", label: "Span", color: "var(--kind-other)" };

const KINDS: Record<string, Kind> = {
  session: { letter: "S", label: "Session", color: "var(--kind-session)" },
  workflow: { letter: "W", label: "Workflow", color: "var(--kind-session)" },
  agent: { letter: "A", label: "Agent", color: "var(--kind-agent)" },
  task: { letter: "K", label: "Task", color: "var(--kind-task)" },
  tool: { letter: "T", label: "Tool", color: "var(--kind-tool)" },
  llm: { letter: "L", label: "LLM", color: "var(--kind-llm)" },
  guardrail: { letter: "G", label: "Guardrail", color: "var(--kind-guardrail)" },
  embedding: { letter: "E", label: "Embedding", color: "var(--kind-embedding)" },
  retrieval: { letter: "R", label: "Retrieval", color: "var(--kind-embedding)" },
  http: { letter: "H", label: "HTTP", color: "var(--kind-http)" },
};

export function kindOf(type: string): Kind {
  return KINDS[type] ?? OTHER;
}
