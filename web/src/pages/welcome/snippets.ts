/** What to paste to send a first session, with this server's own address filled in. */
export type Block = { title: string; code: string; language: string };
export type Snippet = { key: string; label: string; note: string; blocks: Block[] };

const DEFAULT_ORIGIN = "http://127.0.0.1:4320";

function agentops(origin: string): Block[] {
  const endpoint = origin === DEFAULT_ORIGIN ? "" : `\nexport AGENTOPS_API_ENDPOINT=${origin}`;
  return [
    { title: "In a shell", language: "bash", code: `pip install agentops openai${endpoint}` },
    { title: "In your program", language: "python", code: PROGRAM },
  ];
}

const PROGRAM = `import agentops
from openai import OpenAI

agentops.init(tags=["first"])

OpenAI().chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Say hello"}],
)`;

function opentelemetry(origin: string): string {
  return `export OTEL_EXPORTER_OTLP_ENDPOINT=${origin}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=my-agent

# then start any program that is instrumented with OpenTelemetry`;
}

function curl(origin: string): string {
  return `now=$(date +%s)
curl ${origin}/v1/traces -H 'Content-Type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "curl"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(openssl rand -hex 16)'",
      "spanId": "'$(openssl rand -hex 8)'",
      "name": "invoke_agent hello",
      "kind": 1,
      "startTimeUnixNano": "'$now'000000000",
      "endTimeUnixNano": "'$now'250000000"
    }]}]
  }]
}'`;
}

function released(origin: string): string {
  return `# agentops 0.3
export AGENTOPS_API_ENDPOINT=${origin}

# agentops 0.4 takes the address of the exporter as well
export AGENTOPS_EXPORTER_ENDPOINT=${origin}/v1/traces

# both want a key; this server takes any UUID
export AGENTOPS_API_KEY=00000000-0000-4000-8000-000000000000`;
}

export function snippets(origin: string): Snippet[] {
  return [
    {
      key: "agentops",
      label: "agentops",
      note: "The SDK finds this server by itself. Every call of the OpenAI and Anthropic packages becomes a span.",
      blocks: agentops(origin),
    },
    {
      key: "otel",
      label: "OpenTelemetry",
      note: "Any SDK in any language, over OTLP/HTTP. GenAI attributes become models, tokens and messages.",
      blocks: [{ title: "In a shell", language: "bash", code: opentelemetry(origin) }],
    },
    {
      key: "curl",
      label: "curl",
      note: "One span by hand, to see that the way is clear.",
      blocks: [{ title: "In a shell", language: "bash", code: curl(origin) }],
    },
    {
      key: "released",
      label: "Older agentops",
      note: "Programs with an older agentops stay as they are; only their environment changes.",
      blocks: [{ title: "In a shell", language: "bash", code: released(origin) }],
    },
  ];
}
