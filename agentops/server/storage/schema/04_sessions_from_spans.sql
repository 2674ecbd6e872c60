-- Feeds the session lines from every insert of spans.
CREATE MATERIALIZED VIEW IF NOT EXISTS $database.sessions_from_spans $on_cluster TO $database.$sessions AS
$rollup
FROM $database.$spans AS s
GROUP BY project_id, session_key
