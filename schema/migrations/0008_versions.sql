-- Decisions from memory hold only if the view's row is still the one that they
-- were made from: version counts the transactions that decided something by it.
ALTER TABLE rastro.source_views ADD COLUMN version integer NOT NULL DEFAULT 0;
