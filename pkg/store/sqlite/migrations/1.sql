-- The ledger. docs/ledger-format.md says what each table and column is.
--
-- Times are milliseconds since 1970, UTC. Large columns come last: to read one that is
-- behind them takes the way through all of their pages.

CREATE TABLE tasks (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    dispatched_at INTEGER NOT NULL,
    request_id    TEXT,
    source        TEXT NOT NULL,
    cloud         TEXT NOT NULL DEFAULT '',
    machine       TEXT NOT NULL DEFAULT '',
    agent         TEXT,
    cloud_session TEXT NOT NULL DEFAULT '',
    parent        TEXT NOT NULL DEFAULT '',
    batch         INTEGER,
    ticket_path   TEXT,
    ticket_digest TEXT,
    status        TEXT NOT NULL,
    reported_by   TEXT NOT NULL DEFAULT '',
    finished_at   INTEGER,
    duration_ms   INTEGER NOT NULL DEFAULT 0,
    actions       INTEGER NOT NULL DEFAULT 0,
    microcredits  INTEGER NOT NULL DEFAULT 0,
    failure       TEXT NOT NULL DEFAULT '',
    prompt        TEXT NOT NULL DEFAULT '',
    request       BLOB,
    result        BLOB
);
CREATE UNIQUE INDEX tasks_request_id ON tasks (request_id) WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX tasks_ticket_path ON tasks (ticket_path) WHERE ticket_path IS NOT NULL;
CREATE INDEX tasks_open ON tasks (number) WHERE finished_at IS NULL;
CREATE INDEX tasks_status ON tasks (status);
CREATE INDEX tasks_agent ON tasks (agent) WHERE agent IS NOT NULL;
CREATE INDEX tasks_batch ON tasks (batch) WHERE batch IS NOT NULL;
CREATE INDEX tasks_dispatched_at ON tasks (dispatched_at);

CREATE TABLE events (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    task          INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    detail        TEXT NOT NULL
);
CREATE INDEX events_task ON events (task);

-- It is written before each acknowledgement, so that only the few that are not final
-- have an index.
CREATE TABLE deliveries (
    seq           INTEGER PRIMARY KEY,
    received_at   INTEGER NOT NULL,
    request_id    TEXT NOT NULL,
    digest        BLOB NOT NULL,
    ticket_path   TEXT NOT NULL,
    status        TEXT NOT NULL,
    final         INTEGER NOT NULL,
    duration_ms   INTEGER NOT NULL,
    actions       INTEGER NOT NULL,
    microcredits  INTEGER NOT NULL,
    header        TEXT NOT NULL,
    body          BLOB NOT NULL
);
CREATE INDEX deliveries_phases ON deliveries (request_id) WHERE NOT final;
CREATE TABLE delivery_index (
    request_id    TEXT NOT NULL,
    digest        BLOB NOT NULL,
    seq           INTEGER NOT NULL,
    final         INTEGER NOT NULL,
    PRIMARY KEY (request_id, digest)
) WITHOUT ROWID;
CREATE TABLE indexed (seq INTEGER NOT NULL);
INSERT INTO indexed VALUES (0);

CREATE TABLE refusals (
    seq           INTEGER PRIMARY KEY,
    received_at   INTEGER NOT NULL,
    ticket_path   TEXT NOT NULL,
    status_code   INTEGER NOT NULL,
    reason        TEXT NOT NULL,
    size          INTEGER NOT NULL,
    header        TEXT NOT NULL
);
CREATE INDEX refusals_ticket_path ON refusals (ticket_path);

CREATE TABLE forwards (
    seq           INTEGER NOT NULL,
    target        TEXT NOT NULL,
    listener      TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    state         TEXT NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    status_code   INTEGER NOT NULL DEFAULT 0,
    failure       TEXT NOT NULL DEFAULT '',
    ended_at      INTEGER,
    header        TEXT,
    body          BLOB,
    PRIMARY KEY (seq, target)
);
CREATE INDEX forwards_waiting ON forwards (target, listener, seq) WHERE state = 'waiting';
CREATE INDEX forwards_failed ON forwards (seq) WHERE state = 'failed';
CREATE INDEX forwards_request_id ON forwards (request_id);

CREATE TABLE batches (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL UNIQUE,
    begun_at      INTEGER NOT NULL,
    input         TEXT NOT NULL,
    cloud         TEXT NOT NULL,
    lines         INTEGER NOT NULL,
    -- What is common to its tasks, to see whether it has changed since the last run.
    settings      TEXT NOT NULL DEFAULT ''
);
CREATE TABLE batch_lines (
    batch         INTEGER NOT NULL,
    key           BLOB NOT NULL,
    line          INTEGER NOT NULL,
    id            TEXT NOT NULL,
    task          INTEGER NOT NULL,
    content       BLOB NOT NULL,
    mismatch      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (batch, key)
) WITHOUT ROWID;
CREATE INDEX batch_lines_line ON batch_lines (batch, line, key);

-- Batches that many processes work on, and their lines that have not been forgotten.
CREATE TABLE batch_work (
    batch         INTEGER PRIMARY KEY,
    options       TEXT NOT NULL,
    next_at       INTEGER NOT NULL DEFAULT 0,
    held_until    INTEGER NOT NULL DEFAULT 0,
    finished      INTEGER NOT NULL DEFAULT 0,
    failures      INTEGER NOT NULL DEFAULT 0,
    credits       REAL NOT NULL DEFAULT 0
);
CREATE TABLE batch_queue (
    batch         INTEGER NOT NULL,
    key           BLOB NOT NULL,
    line          INTEGER NOT NULL,
    id            TEXT NOT NULL,
    content       BLOB NOT NULL,
    agent         TEXT NOT NULL,
    cloud_session TEXT NOT NULL,
    parent        TEXT NOT NULL,
    task          INTEGER NOT NULL DEFAULT 0,
    fence         INTEGER NOT NULL DEFAULT 0,
    owner         TEXT NOT NULL DEFAULT '',
    call          INTEGER NOT NULL DEFAULT 0,
    claimed_at    INTEGER NOT NULL DEFAULT 0,
    leased_until  INTEGER NOT NULL DEFAULT 0,
    send_at       INTEGER NOT NULL DEFAULT 0,
    window_id     TEXT NOT NULL DEFAULT '',
    lost          INTEGER NOT NULL DEFAULT 0,
    finished      INTEGER,
    prompt        TEXT NOT NULL,
    request       BLOB,
    assertions    TEXT NOT NULL,
    PRIMARY KEY (batch, key)
);
CREATE INDEX batch_queue_waiting ON batch_queue (batch, line, key) WHERE finished IS NULL AND task = 0;
CREATE INDEX batch_queue_sent ON batch_queue (batch) WHERE finished IS NULL AND task <> 0;
CREATE INDEX batch_queue_owner ON batch_queue (owner, call) WHERE finished IS NULL AND task <> 0;
CREATE INDEX batch_queue_finished ON batch_queue (batch, finished) WHERE finished IS NOT NULL;
CREATE INDEX batch_queue_lost ON batch_queue (batch) WHERE lost;
-- The number of the last claim of any line.
CREATE TABLE fences (last INTEGER NOT NULL);
INSERT INTO fences VALUES (0);

-- Cloud browser sessions that were started from here.
CREATE TABLE sessions (
    key           TEXT PRIMARY KEY,
    started_at    INTEGER NOT NULL,
    session_id    TEXT NOT NULL,
    window_id     TEXT NOT NULL,
    name          TEXT NOT NULL,
    cloud         TEXT NOT NULL,
    machine       TEXT NOT NULL,
    ends_at       INTEGER,
    ended_at      INTEGER,
    status        TEXT NOT NULL
) WITHOUT ROWID;

-- When the next step of deleting old tasks is due, and which tasks it looks at: those after
-- number, up to last.
CREATE TABLE maintenance (
    due_at        INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    last          INTEGER NOT NULL
);
INSERT INTO maintenance VALUES (0, 0, 0);
