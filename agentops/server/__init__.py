"""The backend: ingest, storage, queries, REST API and web dashboard."""
