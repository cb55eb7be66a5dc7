-- When a parcel was first told of, in whichever order several partitions are read:
-- Kafka's time of the first report, or when the order that made it was updated; those
-- of other orders stand in their rows.  Parcels of older releases have none: it is
-- that of their earliest event.
ALTER TABLE rastro.parcels ADD COLUMN first_told_at timestamptz;
GRANT UPDATE (first_told_at) ON rastro.parcels TO rastro_writer;

CREATE OR REPLACE VIEW rastro.parcel_list AS
    SELECT p.parcel_id, nullif(p.issuer, '') AS issuer, p.number, p.discriminator,
           p.s10 = 'y' AS s10, p.s10 = 'b' AS bad_check_digit, p.recorded_at, p.first_told_at
    FROM rastro.parcels p;
