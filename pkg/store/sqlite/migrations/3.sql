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

-- When the next step of deleting old tasks is due, and which tasks it looks at: those after
-- number, up to last.
CREATE TABLE maintenance (
    due_at        INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    last          INTEGER NOT NULL
);
INSERT INTO maintenance VALUES (0, 0, 0);
