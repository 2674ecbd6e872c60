-- Feeds the session lines from events: a start announces a session before any of its spans has ended.
CREATE MATERIALIZED VIEW IF NOT EXISTS $database.sessions_from_events $on_cluster TO $database.$sessions AS
SELECT
    project_id,
    e.session_id AS session_id,
    min(e.time_ns) AS start_ns,
    max(greatest(e.time_ns, e.end_ns)) AS end_ns,
    max(e.received_ns) AS received_ns,
    max(toUInt8(event_name = 'session.start')) AS announced,
    max(tuple(
        toUInt8(if(event_name = 'session.end', 2, 0)),
        if(event_name = 'session.end', e.time_ns, 0),
        toUInt8(event_name = 'session.end' AND $failed),
        if(event_name = 'session.end', attributes['agentops.session.end_state'], '')
    )) AS root,
    max(tuple(
        toUInt8(if(attributes['agentops.session.name'] = '', 0, 3)),
        -e.time_ns,
        attributes['agentops.session.name']
    )) AS name,
    max(tuple(toUInt8(0), -e.time_ns, toString(service_name))) AS service,
    min(tuple(toUInt8(2), toInt64(0), '')) AS input,
    groupUniqArrayArray(if(event_name = 'session.start',
        JSONExtract(attributes['agentops.tags'], 'Array(String)'), [])) AS tags,
    groupUniqArrayArray(if(service_name = '', [], [toString(service_name)])) AS services
FROM $database.$events AS e
WHERE e.session_id != ''
GROUP BY project_id, e.session_id
