-- What is common to the tasks of a batch, to see whether it has changed since the last run.
ALTER TABLE batches ADD COLUMN settings TEXT NOT NULL DEFAULT '';
