"""From acknowledged bytes to stored rows: write-ahead segments and the batch writer."""
