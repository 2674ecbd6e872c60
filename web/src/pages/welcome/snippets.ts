/** What to paste to send a first session, with this server's own address filled in. */
export type Snippet = { key: string; label: string; note: string; code: string; language: string };

const DEFAULT_ORIGIN = "http://127.0.0.1:4320";

function agentops(origin: string): string {
  const isDefault = origin === DEFAULT_ORIGIN;
  const endpoint = isDefault ? "" : `export AGENTOPS_API_ENDPOINT=${origin}\n`;
  return `${endpoint}pip install agentops openai

python - <<'END'
import agentops
from openai import OpenAI

agentops.init(tags=["first"])

OpenAI().chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Say hello"}],
)
END`;
}

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
      code: agentops(origin),
      language: "bash",
    },
    {
      key: "otel",
      label: "OpenTelemetry",
      note: "Any SDK in any language, over OTLP/HTTP. GenAI attributes become models, tokens and messages.",
      code: opentelemetry(origin),
      language: "bash",
    },
    {
      key: "curl",
      label: "curl",
      note: "One span by hand, to see that the way is clear.",
      code: curl(origin),
      language: "bash",
    },
    {
      key: "released",
      label: "agentops 0.3 / 0.4",
      note: "Programs with an older agentops stay as they are; only their environment changes.",
      code: released(origin),
      language: "bash",
    },
  ];
}
