"""Storage on a ClickHouse server or cluster."""
