-- The numbers that a watched parcel's journey has, so that writers of batches know of
-- a scan of which others it may end what is open: those that nobody has seen yet
-- included.  NULL: it is alone.
ALTER TABLE rastro.deadlines ADD COLUMN journey text[];
