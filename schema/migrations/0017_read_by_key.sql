-- What the detector reads of each parcel, for whoever joins it parcel by parcel.

-- Which facts are current is asked of the parcel's own rows: a window had all rows of
-- the table read.
CREATE OR REPLACE VIEW rastro.fact_list AS
    SELECT f.*, s.name AS source_name,
           NOT EXISTS (SELECT FROM rastro.parcel_facts n WHERE n.parcel_id = f.parcel_id AND n.source = f.source
                       AND n.rev > f.rev) AS current
    FROM rastro.parcel_facts f JOIN rastro.sources s USING (source);

-- Events as rastro.event_states has them now: a function is planned at each call.
CREATE VIEW rastro.event_state_list AS
    SELECT e.parcel_id, s.name AS source, e.instant, e.status, st.stage, st.rank, e.kind, e.code, e.text, e.country,
           e.region, e.city, e.place, e.sequence, e.marks, e.published_at, e.recorded_at, e.fp,
           CASE WHEN max(e.identity * 32768 + e.iana) OVER (PARTITION BY e.parcel_id, e.source, e.said)
                     > e.identity * 32768 + e.iana THEN 'superseded'
                ELSE coalesce((SELECT CASE c.change WHEN 's' THEN 'superseded' WHEN 'w' THEN 'no_longer_reported' END
                               FROM rastro.event_changes c WHERE c.parcel_id = e.parcel_id AND c.fp = e.fp
                               ORDER BY c.rev DESC LIMIT 1), 'current') END AS state
    FROM rastro.events e
    JOIN rastro.sources s USING (source)
    JOIN rastro.statuses st USING (status);

GRANT SELECT ON rastro.event_state_list TO rastro_writer, rastro_reader;
