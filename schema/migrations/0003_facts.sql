-- What is said of a parcel beside its events: facts, the numbers it was handed
-- over to, and the orders it belongs to.  All of it is history: rows are added.

CREATE TABLE rastro.parcel_facts (
    parcel_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    source smallint NOT NULL,
    rev integer NOT NULL,                         -- of the source's view; the highest is current
    promised_from timestamptz,
    promised_to timestamptz,
    estimated_from timestamptz,
    estimated_to timestamptz,
    signed_at timestamptz,
    signed_by text,
    service text,
    order_id text,
    origin_country text, origin_region text, origin_city text, origin_postcode text,
    destination_country text, destination_region text, destination_city text, destination_postcode text,
    PRIMARY KEY (parcel_id, source, rev)
);

CREATE TABLE rastro.parcel_links (
    parcel_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz NOT NULL,
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    source smallint NOT NULL,
    kind text NOT NULL,                           -- last_mile, ...
    issuer text COLLATE "C" NOT NULL,             -- '' for S10, and when the carrier was not told
    number text COLLATE "C" NOT NULL,
    PRIMARY KEY (parcel_id, number, issuer, kind, source)
);
CREATE INDEX parcel_links_number ON rastro.parcel_links (number);

-- One update of one order, once for each of its parcels.  The newest update of
-- an order says which parcels it has.
CREATE TABLE rastro.shipment_updates (
    parcel_id bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    kafka_offset bigint NOT NULL,
    kafka_partition integer NOT NULL,
    topic smallint NOT NULL,
    cancelled boolean NOT NULL,
    key uuid NOT NULL,
    marketplace text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    seller text,
    service text,
    dispatched_at timestamptz,
    promised_from timestamptz,
    promised_to timestamptz,
    claim_from timestamptz,
    claim_to timestamptz,
    origin_country text, origin_region text, origin_city text, origin_postcode text,
    destination_country text, destination_region text, destination_city text, destination_postcode text,
    PRIMARY KEY (parcel_id, marketplace, order_id, updated_at, key)
);
CREATE INDEX shipment_updates_order ON rastro.shipment_updates (order_id, marketplace, updated_at);
