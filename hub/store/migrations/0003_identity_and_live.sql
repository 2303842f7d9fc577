-- What is remembered of a cluster's identity, as JSON: which certificate is in use, who is quarantined, what was approved. Changed only by the domain's rules.
-- A cluster without a row is read as one whose newest two certificates are in use.
CREATE TABLE cluster_identities (
    cluster TEXT PRIMARY KEY REFERENCES clusters (uid) ON DELETE CASCADE,
    record TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX cluster_identities_by_revision ON cluster_identities (revision);

-- Which of the hub's authorities signed it; the first is 0.
ALTER TABLE certificates ADD COLUMN authority BIGINT NOT NULL DEFAULT 0;
CREATE INDEX certificates_by_revoked ON certificates (revoked);
CREATE INDEX certificates_by_any_key ON certificates (key_digest, cluster);

-- The hub's authorities. Keys and certificates are among the sealed values, by number.
CREATE TABLE authorities (
    number BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    retired_at BIGINT
);

-- Who wants the cluster gone, once its objects are.
ALTER TABLE clusters ADD COLUMN removal TEXT;

-- What an operator chose for an agent's installation, until its manifest was fetched with the join token that goes with it.
CREATE TABLE installs (
    token TEXT PRIMARY KEY REFERENCES join_tokens (id) ON DELETE CASCADE,
    options TEXT NOT NULL,
    fetched_at BIGINT
);

-- Where a cluster's agent is told to connect, when it is not the hub's own word.
ALTER TABLE clusters ADD COLUMN agents_address TEXT;

-- Settings of the whole installation: keys and values as people gave them, as JSON.
CREATE TABLE settings (
    id TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    revision BIGINT NOT NULL
);
