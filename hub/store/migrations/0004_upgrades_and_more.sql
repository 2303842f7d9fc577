-- Upgrades of agents, as JSON: what is wanted, and where each cluster is. Changed only by the domain's rules; the oldest are dropped.
CREATE TABLE upgrades (
    id TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL,
    record TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX upgrades_by_start ON upgrades (started_at);
