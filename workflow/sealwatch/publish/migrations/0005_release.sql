-- A release keeps all that is published of a polygon and what it said about itself; the public schema shows it.
DROP VIEW IF EXISTS published;
ALTER TABLE release DISABLE TRIGGER immutable;
ALTER TABLE release_polygon DISABLE TRIGGER immutable;

ALTER TABLE release
    ADD COLUMN columns      text[] NOT NULL DEFAULT '{}',               -- of its view, in order, without geom
    ADD COLUMN generalise_m double precision[] NOT NULL DEFAULT '{}',   -- tolerances of its copies for small scales
    ADD COLUMN about        jsonb NOT NULL DEFAULT '{}',                -- title, abstract, contact, licence of that day
    ADD COLUMN changes      text NOT NULL DEFAULT '',                   -- against the release before, one line
    ADD COLUMN changelog    text NOT NULL DEFAULT '';                   -- the same in full
-- Releases made before this migration keep the columns they were made with.
UPDATE release SET columns =
    '{polygon_id,sheet,vhr_date,vhr_date_before,period_of_change,period_confirmed,transition,from_class,to_class,area_m2}'
    || ARRAY(SELECT 'distance_' || name || '_m' FROM unnest(registries) name ORDER BY name)
    || '{probability,event_id,event_confidence,release}';
ALTER TABLE release
    ALTER COLUMN columns DROP DEFAULT, ALTER COLUMN generalise_m DROP DEFAULT, ALTER COLUMN about DROP DEFAULT,
    ALTER COLUMN changes DROP DEFAULT, ALTER COLUMN changelog DROP DEFAULT;

-- First and last day of a half-year, '2022H1'.
CREATE FUNCTION half_start(half text) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT make_date(left(half, 4)::int, CASE right(half, 1) WHEN '1' THEN 1 ELSE 7 END, 1)
$$;
CREATE FUNCTION half_end(half text) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE right(half, 1) WHEN '1' THEN make_date(left(half, 4)::int, 6, 30)
                               ELSE make_date(left(half, 4)::int, 12, 31) END
$$;

ALTER TABLE release_polygon
    ALTER COLUMN vhr_date TYPE date USING vhr_date::date,
    ADD COLUMN change_start    date,
    ADD COLUMN change_end      date,
    ADD COLUMN overlap_shares  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN land_use_before text NOT NULL DEFAULT '',
    ADD COLUMN municipality    text NOT NULL DEFAULT '';
UPDATE release_polygon SET change_start = half_start(period_of_change), change_end = half_end(period_confirmed);
ALTER TABLE release_polygon
    ALTER COLUMN change_start SET NOT NULL, ALTER COLUMN change_end SET NOT NULL,
    ALTER COLUMN overlap_shares DROP DEFAULT, ALTER COLUMN land_use_before DROP DEFAULT,
    ALTER COLUMN municipality DROP DEFAULT;

ALTER TABLE release ENABLE TRIGGER immutable;
ALTER TABLE release_polygon ENABLE TRIGGER immutable;

-- The same polygons with fewer vertices, frozen with them.
CREATE TABLE release_generalised (
    release     int NOT NULL,
    tolerance_m double precision NOT NULL,
    polygon_id  text NOT NULL,
    geom        geometry(MultiPolygon, {{srid}}) NOT NULL,
    PRIMARY KEY (release, tolerance_m, polygon_id),
    FOREIGN KEY (release, polygon_id) REFERENCES release_polygon
);
CREATE INDEX release_generalised_geom ON release_generalised USING gist (geom);
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON release_generalised
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER closed AFTER INSERT ON release_generalised REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_polygons();

REVOKE EXECUTE ON FUNCTION change_cause(text, text, boolean, double precision) FROM PUBLIC;

-- PostGIS tells everybody, table rights or not, how many shapes lie where by the statistics of any table. Only the
-- owner of the extension can close that; elsewhere an administrator does it (docs/review.md).
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc
             WHERE proname IN ('_postgis_stats', '_postgis_selectivity', '_postgis_join_selectivity',
                               '_postgis_index_extent')
               AND pg_has_role(proowner, 'MEMBER')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
