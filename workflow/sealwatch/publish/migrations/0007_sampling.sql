-- Stratified random samples of grid cells and their interpretations, for the accuracy of the change maps.
-- Functions that run with their owner's rights must not find a caller's temporary table under a table's name.
SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', true);

-- How a sample was drawn. Nobody who interprets may read `seed`: the cells' random numbers tell strata apart.
CREATE TABLE sample (
    sample            text PRIMARY KEY CHECK (sample ~ '^[a-z0-9][a-z0-9-]{0,40}$'),
    title             text NOT NULL CHECK (title <> ''),
    seed              bigint NOT NULL,
    sizes             jsonb NOT NULL,            -- units asked for, by stratum
    buffer_cells      int NOT NULL,
    min_rise          double precision NOT NULL,
    period_start      text NOT NULL CHECK (period_start ~ '^[0-9]{4}H[12]$'),
    period_end        text NOT NULL CHECK (period_end ~ '^[0-9]{4}H[12]$'),
    cell_size_m       double precision NOT NULL,
    map_digest        text NOT NULL,
    outside_cells     bigint NOT NULL,           -- cells of the maps outside the area of interest
    unobserved_cells  bigint NOT NULL,           -- cells of the area that have no state
    other_zone_cells  bigint NOT NULL,           -- cells that another zone answers for
    created_at        timestamptz NOT NULL DEFAULT now(),
    db_user           text NOT NULL DEFAULT session_user
);

-- The population: area_m2 is that of the cells on the grid of their UTM zone.
CREATE TABLE sample_stratum (
    sample    text NOT NULL REFERENCES sample,
    stratum   text NOT NULL CHECK (stratum IN ('change', 'buffer', 'stable')),
    map_label text NOT NULL CHECK (map_label IN ('change', 'no change')),
    cells     bigint NOT NULL CHECK (cells >= 0),
    area_m2   double precision NOT NULL CHECK (area_m2 >= 0),
    units     int NOT NULL CHECK (units BETWEEN 0 AND cells),
    PRIMARY KEY (sample, stratum)
);

-- Number `unit` is the random order of presentation; rows are stored in that order, which tells nothing.
CREATE TABLE sample_unit (
    sample         text NOT NULL REFERENCES sample,
    unit           int NOT NULL CHECK (unit > 0),
    stratum        text NOT NULL,
    map_label      text NOT NULL CHECK (map_label IN ('change', 'no change')),
    map_start_half text NOT NULL CHECK ((map_start_half <> '') = (map_label = 'change')),
    zone           int NOT NULL,
    grid_row       int NOT NULL,
    grid_col       int NOT NULL,
    geom           geometry(Polygon, {{srid}}) NOT NULL,
    PRIMARY KEY (sample, unit),
    UNIQUE (sample, zone, grid_row, grid_col),
    FOREIGN KEY (sample, stratum) REFERENCES sample_stratum
);
CREATE INDEX sample_unit_geom ON sample_unit USING gist (geom);

CREATE TABLE sample_closing (
    sample    text PRIMARY KEY REFERENCES sample,
    reason    text NOT NULL DEFAULT '',
    closed_at timestamptz NOT NULL DEFAULT now(),
    db_user   text NOT NULL DEFAULT session_user
);

-- What people saw; the latest row of a reviewer for a unit counts.
CREATE TABLE interpretation (
    interpretation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sample            text NOT NULL,
    unit              int NOT NULL,
    label             text NOT NULL CHECK (label IN ('change', 'no change', 'unsure')),
    start_half        text NOT NULL DEFAULT '' CHECK (start_half = '' OR label = 'change'),
    reviewer          text NOT NULL CHECK (btrim(reviewer) <> ''),
    reason            text NOT NULL DEFAULT '' CHECK (length(reason) <= 2000),
    interpreted_at    timestamptz NOT NULL DEFAULT now(),
    db_user           text NOT NULL DEFAULT session_user,
    FOREIGN KEY (sample, unit) REFERENCES sample_unit
);
CREATE INDEX interpretation_unit ON interpretation (sample, unit, reviewer, interpretation_id DESC);

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON sample
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON sample_stratum
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON sample_unit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sample_closing
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON interpretation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A sample takes strata and units only in the transaction that drew it.
CREATE FUNCTION refuse_late_units() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added JOIN sample USING (sample) WHERE sample.created_at <> now()) THEN
        RAISE EXCEPTION 'INSERT on %: a drawn sample is never changed', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER closed AFTER INSERT ON sample_stratum REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_units();
CREATE TRIGGER closed AFTER INSERT ON sample_unit REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_units();

-- No interpretation after the sample was closed: both lock its row first.
CREATE FUNCTION interpretation_arrives() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM sample WHERE sample = NEW.sample FOR SHARE;
    IF NOT FOUND OR NOT EXISTS (SELECT 1 FROM sample_unit u WHERE u.sample = NEW.sample AND u.unit = NEW.unit) THEN
        RAISE EXCEPTION 'sample % has no unit %', NEW.sample, NEW.unit USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM sample_closing c WHERE c.sample = NEW.sample) THEN
        RAISE EXCEPTION 'sample % is closed', NEW.sample USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.start_half <> '' AND NOT (NEW.start_half ~ '^[0-9]{4}H[12]$'
                                     AND NEW.start_half BETWEEN s.period_start AND s.period_end) THEN
        RAISE EXCEPTION 'start_half % is no half-year from % to %', NEW.start_half, s.period_start, s.period_end
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER arrives BEFORE INSERT ON interpretation FOR EACH ROW EXECUTE FUNCTION interpretation_arrives();
CREATE FUNCTION closing_arrives() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM 1 FROM sample WHERE sample = NEW.sample FOR UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER arrives BEFORE INSERT ON sample_closing FOR EACH ROW EXECUTE FUNCTION closing_arrives();
REVOKE EXECUTE ON FUNCTION interpretation_arrives(), closing_arrives() FROM PUBLIC;

-- All that is shown to who interprets: no stratum, no map label, no seed, no sizes.
CREATE VIEW sample_open WITH (security_barrier) AS
SELECT s.sample, s.title, s.period_start, s.period_end, s.created_at,
       (SELECT count(*) FROM sample_unit u WHERE u.sample = s.sample)::int AS units
FROM sample s WHERE NOT EXISTS (SELECT 1 FROM sample_closing c WHERE c.sample = s.sample);
CREATE VIEW unit_to_interpret WITH (security_barrier) AS
SELECT u.sample, u.unit, s.period_start, s.period_end, u.geom
FROM sample_unit u JOIN sample s USING (sample)
WHERE NOT EXISTS (SELECT 1 FROM sample_closing c WHERE c.sample = u.sample);

-- For the owner of the tables, who estimates accuracy and areas from them.
CREATE VIEW interpretation_latest AS
SELECT DISTINCT ON (sample, unit, reviewer) *
FROM interpretation ORDER BY sample, unit, reviewer, interpretation_id DESC;
CREATE VIEW sample_agreement AS
SELECT a.sample, a.reviewer AS reviewer_a, b.reviewer AS reviewer_b, count(*)::int AS units,
       count(*) FILTER (WHERE a.label = b.label)::int AS agreed
FROM interpretation_latest a JOIN interpretation_latest b USING (sample, unit)
WHERE a.reviewer < b.reviewer GROUP BY 1, 2, 3;
