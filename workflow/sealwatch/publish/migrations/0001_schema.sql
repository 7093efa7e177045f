-- Everything the publication needs. {{srid}} is database.srid. Names resolve through the search path.

-- A statement on a table that may only grow is refused, whoever sends it.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %: rows of this table are never changed or removed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- One row per orthophoto whose outlines were loaded; the digest is that of their content.
CREATE TABLE sheet_load (
    sheet     text NOT NULL,
    year      int NOT NULL,
    digest    text NOT NULL,
    polygons  int NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sheet, year)
);

-- Newly sealed land. Rows are never deleted: what a rebuild no longer finds is marked withdrawn.
CREATE TABLE polygon (
    polygon_id          text PRIMARY KEY,
    sheet               text NOT NULL,
    year                int NOT NULL,
    flight_date         date NOT NULL,
    earlier_flight_date date,
    event_id            text NOT NULL,
    from_class          text NOT NULL,
    to_class            text NOT NULL,
    start_half          text NOT NULL,
    confirm_half        text NOT NULL,
    event_confidence    double precision NOT NULL,
    probability         double precision NOT NULL,
    area_m2             double precision NOT NULL,
    evidence            text NOT NULL,            -- digest of what a reviewer judges: place, period, transition
    withdrawn           boolean NOT NULL DEFAULT false,
    changed_at          timestamptz NOT NULL DEFAULT now(),
    geom                geometry(MultiPolygon, {{srid}}) NOT NULL
);
CREATE INDEX polygon_geom ON polygon USING gist (geom);
CREATE INDEX polygon_sheet ON polygon (sheet, year);

CREATE TABLE registry (
    registry  text PRIMARY KEY,
    digest    text NOT NULL,
    polygons  int NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

-- One partition per registry, so that the nearest-neighbour search walks an index of that registry alone.
CREATE TABLE registry_polygon (
    registry text NOT NULL,
    geom     geometry(Geometry, {{srid}}) NOT NULL
) PARTITION BY LIST (registry);
CREATE INDEX registry_polygon_geom ON registry_polygon USING gist (geom);

-- Distance of a polygon to the nearest polygon of a registry, with the state of both it was measured in.
CREATE TABLE registry_distance (
    polygon_id text NOT NULL REFERENCES polygon,
    registry   text NOT NULL REFERENCES registry ON DELETE CASCADE,
    distance_m double precision NOT NULL,
    evidence   text NOT NULL,
    digest     text NOT NULL,
    PRIMARY KEY (polygon_id, registry)
);

CREATE TABLE review (
    review_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    polygon_id text NOT NULL REFERENCES polygon,
    state      text NOT NULL CHECK (state IN ('candidate', 'accepted', 'rejected', 'corrected')),
    reviewer   text NOT NULL CHECK (reviewer <> ''),
    reason     text NOT NULL DEFAULT '',
    correction jsonb CHECK ((correction IS NOT NULL) = (state = 'corrected')),
    evidence   text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX review_polygon ON review (polygon_id, review_id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON review
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where every polygon stands now. `due` is why it waits for a reviewer, '' when it does not.
CREATE VIEW standing AS
SELECT p.*,
       coalesce(r.state, 'candidate') AS state,
       r.reviewer,
       r.correction,
       CASE WHEN p.withdrawn THEN ''
            WHEN r.state IS NULL OR r.state = 'candidate' THEN 'new'
            WHEN r.evidence <> p.evidence THEN 'evidence changed'
            ELSE '' END AS due
FROM polygon p
LEFT JOIN LATERAL (
    SELECT * FROM review WHERE review.polygon_id = p.polygon_id ORDER BY review_id DESC LIMIT 1
) r ON true;

CREATE TABLE release (
    release    int PRIMARY KEY,
    digest     text NOT NULL,
    polygons   int NOT NULL,
    registries text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The accepted polygons as they were when the release was made; texts and numbers only, nothing is NULL.
CREATE TABLE release_polygon (
    release          int NOT NULL REFERENCES release,
    polygon_id       text NOT NULL,
    sheet            text NOT NULL,
    vhr_date         text NOT NULL,
    vhr_date_before  text NOT NULL,
    period_of_change text NOT NULL,
    period_confirmed text NOT NULL,
    transition       text NOT NULL,
    from_class       text NOT NULL,
    to_class         text NOT NULL,
    area_m2          double precision NOT NULL,
    probability      double precision NOT NULL,
    event_id         text NOT NULL,
    event_confidence double precision NOT NULL,
    distances        jsonb NOT NULL,
    geom             geometry(MultiPolygon, {{srid}}) NOT NULL,
    PRIMARY KEY (release, polygon_id)
);
CREATE INDEX release_polygon_geom ON release_polygon USING gist (geom);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON release
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON release_polygon
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A release takes polygons only in the transaction that made it.
CREATE FUNCTION refuse_late_polygons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added JOIN release USING (release) WHERE release.created_at <> now()) THEN
        RAISE EXCEPTION 'INSERT on release_polygon: a release is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER closed AFTER INSERT ON release_polygon REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_polygons();
