-- One text for both engines. Times are milliseconds since 1970, uuids, digests and JSON are TEXT, flags are 0 or 1.
-- COLLATE "C" keeps PostgreSQL's order of texts that are paged by what it is in SQLite, byte by byte; it is left out there.

-- Every change takes its revision from this one row; `floor` is the oldest cursor that can be resumed.
CREATE TABLE feed (
    id BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    floor BIGINT NOT NULL
);
INSERT INTO feed (id, revision, floor) VALUES (1, 0, 0);

CREATE TABLE tombstones (
    revision BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL
);
CREATE INDEX tombstones_by_thing ON tombstones (kind, id);

-- key_check is a sealed constant: it tells a wrong key before anything else is read.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY,
    uid TEXT NOT NULL,
    trust_domain TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    key_check BYTEA NOT NULL,
    digest_key BYTEA NOT NULL
);

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE principals (
    name TEXT PRIMARY KEY,
    grants TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    principal TEXT NOT NULL REFERENCES principals (name) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE request_log (
    at BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    peer TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status BIGINT NOT NULL,
    permission TEXT NOT NULL
);
CREATE INDEX request_log_by_time ON request_log (at);

CREATE TABLE repositories (
    url TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    credentials BYTEA,
    ca_pem TEXT,
    revision BIGINT NOT NULL
);
CREATE INDEX repositories_by_revision ON repositories (revision);

CREATE TABLE clusters (
    uid TEXT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    labels TEXT NOT NULL,
    server_aliases TEXT NOT NULL,
    facts TEXT,
    created_at BIGINT NOT NULL,
    record_revision BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    instance TEXT,
    connected BIGINT NOT NULL,
    connection_changed_at BIGINT,
    verified_at BIGINT,
    generation BIGINT NOT NULL,
    chain TEXT NOT NULL,
    rows_digest TEXT NOT NULL,
    acked BIGINT NOT NULL
);
CREATE INDEX clusters_by_revision ON clusters (revision);

CREATE TABLE cluster_discovery (
    cluster TEXT PRIMARY KEY REFERENCES clusters (uid) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    resources TEXT NOT NULL
);

CREATE TABLE join_tokens (
    id TEXT PRIMARY KEY,
    cluster TEXT NOT NULL REFERENCES clusters (uid) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    key_digest TEXT,
    failures BIGINT NOT NULL,
    void BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX join_tokens_by_cluster ON join_tokens (cluster);

CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    cluster TEXT NOT NULL REFERENCES clusters (uid) ON DELETE CASCADE,
    key_digest TEXT NOT NULL,
    der BYTEA NOT NULL,
    issued_at BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked BIGINT NOT NULL
);
CREATE INDEX certificates_by_key ON certificates (cluster, key_digest, issued_at);

-- sync and health are the roll-up over the targets, as ranks; calm is small where attention is needed.
-- record_revision moves with what people write, revision with everything that is shown.
CREATE TABLE applications (
    uid TEXT PRIMARY KEY,
    namespace TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    project TEXT NOT NULL,
    metadata TEXT NOT NULL,
    spec TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deletion TEXT,
    record_revision BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    source TEXT NOT NULL,
    checked_at BIGINT,
    sync BIGINT NOT NULL,
    health BIGINT NOT NULL,
    calm BIGINT NOT NULL,
    UNIQUE (namespace, name)
);
CREATE INDEX applications_by_revision ON applications (revision);
CREATE INDEX applications_by_calm ON applications (calm, namespace, name);
CREATE INDEX applications_by_project ON applications (project);

CREATE TABLE application_labels (
    application TEXT NOT NULL REFERENCES applications (uid) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (application, name)
);
CREATE INDEX application_labels_by_value ON application_labels (name, value);

CREATE TABLE application_sources (
    application TEXT NOT NULL REFERENCES applications (uid) ON DELETE CASCADE,
    url TEXT NOT NULL,
    PRIMARY KEY (application, url)
);
CREATE INDEX application_sources_by_url ON application_sources (url);

CREATE TABLE compiled (
    application TEXT PRIMARY KEY REFERENCES applications (uid) ON DELETE CASCADE,
    revision TEXT NOT NULL,
    inputs TEXT NOT NULL,
    reads TEXT NOT NULL,
    bundle TEXT NOT NULL
);

-- data is zstd; of contents with a keyed address, sealed zstd.
CREATE TABLE contents (
    digest TEXT PRIMARY KEY,
    data BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE bundle_members (
    bundle TEXT NOT NULL REFERENCES contents (digest) ON DELETE CASCADE,
    member TEXT NOT NULL,
    PRIMARY KEY (bundle, member)
);
CREATE INDEX bundle_members_by_member ON bundle_members (member);

CREATE TABLE targets (
    application TEXT NOT NULL REFERENCES applications (uid),
    cluster TEXT NOT NULL REFERENCES clusters (uid),
    desired TEXT NOT NULL,
    changed_generation BIGINT NOT NULL,
    held TEXT,
    PRIMARY KEY (application, cluster)
);
CREATE INDEX targets_by_generation ON targets (cluster, changed_generation);

-- What a target's row and its agent's copy name directly: the roots of what its cluster may fetch, and of what is kept.
CREATE TABLE target_contents (
    application TEXT NOT NULL,
    cluster TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (application, cluster, digest),
    FOREIGN KEY (application, cluster) REFERENCES targets (application, cluster) ON DELETE CASCADE
);
CREATE INDEX target_contents_by_digest ON target_contents (digest, cluster);

-- digest is NULL while the hub does not have the whole report.
CREATE TABLE target_status (
    application TEXT NOT NULL,
    cluster TEXT NOT NULL,
    summary TEXT NOT NULL,
    digest TEXT,
    sync BIGINT NOT NULL,
    health BIGINT NOT NULL,
    PRIMARY KEY (application, cluster),
    FOREIGN KEY (application, cluster) REFERENCES targets (application, cluster) ON DELETE CASCADE
);
CREATE INDEX target_status_by_cluster ON target_status (cluster, application);

CREATE TABLE resources (
    application TEXT NOT NULL,
    cluster TEXT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (application, cluster, name),
    FOREIGN KEY (application, cluster) REFERENCES targets (application, cluster) ON DELETE CASCADE
);

-- The history that agents are compared with, from each cluster's last acked generation on.
CREATE TABLE generations (
    cluster TEXT NOT NULL REFERENCES clusters (uid) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    chain TEXT NOT NULL,
    PRIMARY KEY (cluster, generation)
);

-- Finished removals that the agent may not have heard of.
CREATE TABLE removed_targets (
    cluster TEXT NOT NULL REFERENCES clusters (uid) ON DELETE CASCADE,
    application TEXT NOT NULL,
    generation BIGINT NOT NULL,
    PRIMARY KEY (cluster, application)
);

-- Names are copied: operations outlive what they were about.
CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    application TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    cluster_name TEXT NOT NULL,
    request TEXT,
    state TEXT,
    finished BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX operations_by_revision ON operations (revision);
CREATE INDEX operations_by_time ON operations (created_at, id);
CREATE INDEX operations_by_target ON operations (application, cluster, created_at, id);
