-- A row's desired state is kept as the very bytes that chains and comparisons cover, with no operation in them; the operation has a column of its own.
-- (The rows are brought into that form by the program that runs this.)
ALTER TABLE targets ADD COLUMN operation TEXT;

-- The digest of all rows is made when a session asks for it: a generation costs what it changes.
ALTER TABLE clusters DROP COLUMN rows_digest;

-- Which hub has a cluster's session. A hub that no longer counts its beats is dead, and its sessions are over.
ALTER TABLE clusters ADD COLUMN hub TEXT;
CREATE INDEX clusters_by_hub ON clusters (hub);
CREATE TABLE hubs (
    id TEXT PRIMARY KEY,
    beats BIGINT NOT NULL
);

-- What an agent says that the hub cannot take: shown with the cluster until the next session.
ALTER TABLE clusters ADD COLUMN problem TEXT;

-- sync is what is shown: what was synced with an older bundle is not synced with the newer one. reported is what the agent said, of this bundle.
ALTER TABLE target_status ADD COLUMN bundle TEXT;
ALTER TABLE target_status ADD COLUMN reported BIGINT NOT NULL DEFAULT 2;

-- Further settings of a repository, as JSON.
ALTER TABLE repositories ADD COLUMN settings TEXT;

-- Projects: what their applications may come from, where they may go and which kinds they may hold. The project `default` is made with the schema; its revision
-- is 0 until somebody edits it.
CREATE TABLE projects (
    name TEXT COLLATE "C" PRIMARY KEY,
    uid TEXT NOT NULL,
    metadata TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX projects_by_revision ON projects (revision);

-- What people decide over applications. held: the commit that an application is kept at, whatever git says; held_bundle keeps its contents.
ALTER TABLE applications ADD COLUMN held TEXT;
ALTER TABLE applications ADD COLUMN held_bundle TEXT;
CREATE INDEX applications_by_held ON applications (held_bundle) WHERE held_bundle IS NOT NULL;

-- waits: the row waits for another application (spec.dependsOn).
ALTER TABLE targets ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
CREATE INDEX targets_that_wait ON targets (application) WHERE waits = 1;

-- Freezes name what they stop, and outlive it: what is made again under a frozen name is frozen.
CREATE TABLE freezes (
    kind TEXT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Deployments of each target; those of one number have the same bundle.
CREATE TABLE history (
    application TEXT NOT NULL REFERENCES applications (uid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    cluster TEXT NOT NULL,
    cluster_name TEXT COLLATE "C" NOT NULL,
    bundle TEXT NOT NULL,
    revision TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (application, id, cluster)
);
CREATE INDEX history_by_target ON history (application, cluster, id);
CREATE INDEX history_by_bundle ON history (bundle);

-- What people did to applications; it outlives them.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    event TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at, id);
CREATE INDEX events_by_application ON events (namespace, name, at, id);
