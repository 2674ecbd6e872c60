import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useNews } from "~/api/live";
import { queries } from "~/api/queries";
import type { ServerStatus } from "~/api/types";
import { formatCount } from "~/base/format";
import { Segmented } from "~/components/button";
import { CodeBlock } from "~/components/code";
import { icons } from "~/components/icons";
import { FailureNotice } from "~/components/states";
import { snippets } from "./snippets";
import "./welcome.css";

const POLL_MS = 1000;

/** Shown while the store is empty: how to send a first session, and whether anything arrives. */
export function WelcomePage() {
  const status = useQuery(queries.status(POLL_MS));
  const client = useQueryClient();
  const navigate = useNavigate();
  const wasEmpty = useRef(false);
  const [chosen, setChosen] = useState("agentops");
  const all = snippets(window.location.origin);
  const snippet = all.find(({ key }) => key === chosen) ?? all[0];

  useNews(() => void client.invalidateQueries({ queryKey: ["status"] }));
  const isEmpty = status.data?.is_empty;
  useEffect(() => {
    document.title = "Welcome · AgentOps";
    if (isEmpty) wasEmpty.current = true;
    if (isEmpty !== false || !wasEmpty.current) return;
    client.removeQueries({ queryKey: ["summary"] });
    client.removeQueries({ queryKey: ["sessions"] });
    void navigate({ to: "/sessions", replace: true });
  }, [isEmpty, client, navigate]);

  if (status.error && !status.data) {
    return <FailureNotice error={status.error} onRetry={() => void status.refetch()} />;
  }
  return (
    <div className="welcome scroll">
      <div className="welcome-columns">
        <section className="welcome-start">
          <h1>Send your first session</h1>
          <p className="welcome-lead">
            A session is one run of your program: every model call, tool call and agent step in it,
            with its time, tokens and money. It shows up here as it happens.
          </p>
          <Segmented
            label="How to send"
            value={chosen}
            choices={all.map(({ key, label }) => ({ value: key, label }))}
            onChange={setChosen}
          />
          {snippet && (
            <div className="snippet" key={snippet.key}>
              <p>{snippet.note}</p>
              {snippet.blocks.map((block) => (
                <section key={block.title}>
                  <h2>{block.title}</h2>
                  <CodeBlock code={block.code} language={block.language} />
                </section>
              ))}
            </div>
          )}
        </section>
        {status.data && <Probe status={status.data} />}
      </div>
    </div>
  );
}

/** What the server hears right now. */
function Probe({ status }: { status: ServerStatus }) {
  const isWaiting = status.spans_received === 0;
  return (
    <section className="probe" aria-label="What the server receives">
      <header>
        <span className={`probe-dot${isWaiting ? "" : " probe-live"}`} />
        <h2>{isWaiting ? "Listening" : "Receiving"}</h2>
      </header>
      <ul className="probe-ports">
        {status.receivers.map((receiver) => (
          <li
            key={`${receiver.protocol} ${receiver.endpoint}`}
            className={receiver.is_listening ? "" : "probe-closed"}
          >
            {receiver.is_listening ? <icons.check size={14} /> : <icons.close size={14} />}
            <span>{receiver.protocol}</span>
            <code>{receiver.endpoint}</code>
            {receiver.note && <small>{receiver.note}</small>}
          </li>
        ))}
      </ul>
      <dl className="probe-counts num" aria-live="polite">
        <div>
          <dt>Requests</dt>
          <dd>{formatCount(status.requests_received)}</dd>
        </div>
        <div>
          <dt>Spans</dt>
          <dd>{formatCount(status.spans_received)}</dd>
        </div>
        <div>
          <dt>Refused</dt>
          <dd>{formatCount(status.requests_rejected)}</dd>
        </div>
      </dl>
      {status.last_rejected && (
        <div className="probe-refusal" role="status">
          <icons.alert size={15} />
          <div>
            <strong>Last refused request</strong>
            <p>{status.last_rejected}</p>
          </div>
        </div>
      )}
      <p className="muted">
        {status.is_empty ? (
          "This page becomes the list of sessions at the first span."
        ) : (
          <>
            There are {formatCount(status.session_count)} sessions already.{" "}
            <Link to="/sessions" className="welcome-link">
              Show them
            </Link>
          </>
        )}
      </p>
      <p className="muted">
        AgentOps {status.version}, storage {status.storage}
      </p>
    </section>
  );
}
