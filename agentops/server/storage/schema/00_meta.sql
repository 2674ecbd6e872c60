-- What these tables are: one line with the key 'schema'.
CREATE TABLE IF NOT EXISTS $database.meta $on_cluster (
    key String,
    value String
)
ENGINE = $meta
ORDER BY key
