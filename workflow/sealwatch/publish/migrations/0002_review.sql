-- Review that keeps the version a decision was made on, and tells when another version needs another look.
-- Functions that run with their owner's rights must not find a caller's temporary table under a table's name.
SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', true);

-- Rows loaded before this column existed are filled by the next load; until then nothing is said to be known.
ALTER TABLE polygon ADD COLUMN earlier_known double precision NOT NULL DEFAULT 0
    CHECK (earlier_known BETWEEN 0 AND 1);
ALTER TABLE polygon ALTER COLUMN earlier_known DROP DEFAULT;
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON polygon
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- section `review` of the configuration
CREATE TABLE review_rule (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    area_change_share double precision NOT NULL CHECK (area_change_share >= 0),
    four_eyes         boolean NOT NULL
);
INSERT INTO review_rule (area_change_share, four_eyes) VALUES (0.1, false);

-- What a decision was made on; the version of today is the row of `polygon`.
CREATE TABLE polygon_version (
    polygon_id   text NOT NULL REFERENCES polygon,
    evidence     text NOT NULL,
    flight_date  date NOT NULL,
    event_id     text NOT NULL,
    from_class   text NOT NULL,
    to_class     text NOT NULL,
    start_half   text NOT NULL,
    confirm_half text NOT NULL,
    area_m2      double precision NOT NULL,
    geom         geometry(MultiPolygon, {{srid}}) NOT NULL,
    PRIMARY KEY (polygon_id, evidence)
);
INSERT INTO polygon_version
SELECT DISTINCT p.polygon_id, p.evidence, p.flight_date, p.event_id, p.from_class, p.to_class, p.start_half,
       p.confirm_half, p.area_m2, p.geom
FROM polygon p JOIN review r USING (polygon_id, evidence);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON polygon_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE review
    ADD COLUMN vanished boolean NOT NULL DEFAULT false,      -- the polygon was withdrawn when it was decided on
    ADD COLUMN corrected_geom geometry(MultiPolygon, {{srid}}),
    ADD COLUMN db_user text NOT NULL DEFAULT '',             -- who was signed in to the database; '' before this column
    ADD CONSTRAINT corrected_geom_is_an_area
        CHECK (corrected_geom IS NULL OR (ST_IsValid(corrected_geom) AND ST_Area(corrected_geom) > 0)),
    ADD CONSTRAINT correction_corrects
        CHECK ((corrected_geom IS NULL OR state = 'corrected') AND (correction <> '{}' OR corrected_geom IS NOT NULL)),
    ADD CONSTRAINT correction_known
        CHECK (correction - ARRAY['from_class', 'to_class', 'start_half'] = '{}'
               AND coalesce(correction->>'start_half', '2000H1') ~ '^[0-9]{4}H[12]$'
               AND coalesce(correction->>'from_class', '-') <> '' AND coalesce(correction->>'to_class', '-') <> ''),
    -- Versions of decisions made before this migration may be lost, so only new rows are checked.
    ADD CONSTRAINT review_version FOREIGN KEY (polygon_id, evidence) REFERENCES polygon_version NOT VALID;
ALTER TABLE review ALTER COLUMN db_user SET DEFAULT session_user;

-- A decision takes the evidence as it stands, whoever sends it, and keeps that version of the polygon.
CREATE FUNCTION review_arrives() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    p record;  -- not polygon%ROWTYPE: the built-in type polygon is found under that name
BEGIN
    SELECT * INTO p FROM polygon WHERE polygon_id = NEW.polygon_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown polygon %', NEW.polygon_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF NEW.evidence <> p.evidence THEN
        RAISE EXCEPTION 'polygon % has changed since it was looked at; look again', NEW.polygon_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT ST_Intersects(NEW.corrected_geom, p.geom) THEN
        RAISE EXCEPTION 'the corrected outline of polygon % lies elsewhere', NEW.polygon_id
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.evidence := p.evidence;
    NEW.vanished := p.withdrawn;
    INSERT INTO polygon_version VALUES (p.polygon_id, p.evidence, p.flight_date, p.event_id, p.from_class, p.to_class,
                                        p.start_half, p.confirm_half, p.area_m2, p.geom)
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$;
CREATE TRIGGER arrives BEFORE INSERT ON review FOR EACH ROW EXECUTE FUNCTION review_arrives();

-- Why a decision on version `decided_on` needs another look at the polygon as it is; empty when it does not.
CREATE FUNCTION change_cause(id text, decided_on text, on_vanished boolean, area_share double precision)
RETURNS text[] LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN p.withdrawn AND on_vanished THEN '{}'::text[]
        WHEN p.withdrawn THEN '{vanished}'
        WHEN on_vanished THEN '{returned}'
        WHEN p.evidence = decided_on THEN '{}'
        ELSE coalesce((
            SELECT array_remove(ARRAY[
                CASE WHEN v.start_half <> p.start_half THEN 'period' END,
                CASE WHEN (v.from_class, v.to_class) <> (p.from_class, p.to_class) THEN 'transition' END,
                CASE WHEN abs(p.area_m2 - v.area_m2) > area_share * v.area_m2 THEN 'area' END,
                -- An outline that left more than half of its place is another object.
                CASE WHEN 2 * ST_Area(ST_Intersection(v.geom, p.geom)) < ST_Area(v.geom) THEN 'place' END], NULL)
            FROM polygon_version v WHERE v.polygon_id = p.polygon_id AND v.evidence = decided_on), '{evidence}')
    END
    FROM polygon p WHERE p.polygon_id = id
$$;

-- What follows from decisions, polygons and rules. `due` is why a polygon waits for a reviewer, '' when it does not.
CREATE VIEW verdict_now AS
SELECT p.polygon_id, r.review_id, coalesce(r.state, 'candidate') AS state,
       CASE WHEN coalesce(r.state, 'candidate') = 'candidate' THEN CASE WHEN p.withdrawn THEN '' ELSE 'new' END
            WHEN r.cause <> '{}' THEN 're-review'
            WHEN r.four_eyes AND NOT EXISTS (
                -- An equal decision of another person on what still holds, with no other decision in between.
                SELECT 1 FROM review o
                WHERE o.polygon_id = p.polygon_id AND lower(btrim(o.reviewer)) <> lower(btrim(r.reviewer))
                  AND change_cause(p.polygon_id, o.evidence, o.vanished, r.area_change_share) = '{}'
                  AND NOT EXISTS (
                      SELECT 1 FROM review b WHERE b.polygon_id = p.polygon_id AND b.review_id >= o.review_id
                      AND (b.state, b.correction, b.corrected_geom)
                          IS DISTINCT FROM (r.state, r.correction, r.corrected_geom))
            ) THEN 'second reviewer'
            ELSE '' END AS due,
       CASE WHEN r.state = 'candidate' THEN '{}' ELSE coalesce(r.cause, '{}') END AS cause
FROM polygon p
LEFT JOIN LATERAL (
    SELECT l.*, s.area_change_share, s.four_eyes,
           change_cause(p.polygon_id, l.evidence, l.vanished, s.area_change_share) AS cause
    FROM (SELECT * FROM review WHERE review.polygon_id = p.polygon_id ORDER BY review_id DESC LIMIT 1) l
    CROSS JOIN review_rule s
) r ON true;

-- The same, stored, so that a queue of a country is read from an index. Triggers alone write it.
CREATE TABLE verdict (
    polygon_id text PRIMARY KEY REFERENCES polygon,
    review_id  bigint REFERENCES review,
    state      text NOT NULL,
    due        text NOT NULL,
    cause      text[] NOT NULL
);
CREATE INDEX verdict_due ON verdict (polygon_id) WHERE due <> '';

CREATE FUNCTION refresh_verdict(ids text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- Whoever changes a polygon or its decisions holds this lock, always taken in the order of the ids.
    PERFORM 1 FROM polygon WHERE polygon_id = ANY (ids) ORDER BY polygon_id FOR NO KEY UPDATE;
    INSERT INTO verdict AS old SELECT * FROM verdict_now WHERE polygon_id = ANY (ids)
    ON CONFLICT (polygon_id) DO UPDATE
    SET review_id = excluded.review_id, state = excluded.state, due = excluded.due, cause = excluded.cause
    WHERE (old.review_id, old.state, old.due, old.cause)
          IS DISTINCT FROM (excluded.review_id, excluded.state, excluded.due, excluded.cause);
END $$;
CREATE FUNCTION verdicts_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM refresh_verdict(ARRAY(SELECT polygon_id FROM changed));
    RETURN NULL;
END $$;
CREATE FUNCTION rule_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM refresh_verdict(ARRAY(SELECT DISTINCT polygon_id FROM review));
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION refresh_verdict(text[]), verdicts_follow(), rule_changed(), review_arrives() FROM PUBLIC;
CREATE TRIGGER verdict_new AFTER INSERT ON polygon REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION verdicts_follow();
CREATE TRIGGER verdict_changed AFTER UPDATE ON polygon REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION verdicts_follow();
CREATE TRIGGER verdict_decided AFTER INSERT ON review REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION verdicts_follow();
CREATE TRIGGER verdict_ruled AFTER UPDATE ON review_rule
    FOR EACH STATEMENT EXECUTE FUNCTION rule_changed();
SELECT refresh_verdict(ARRAY(SELECT polygon_id FROM polygon));

-- Where every polygon stands, with the outline of its correction where there is one; evidence tells the two apart.
DROP VIEW standing;
CREATE VIEW standing AS
SELECT p.polygon_id, p.sheet, p.year, p.flight_date, p.earlier_flight_date, p.event_id, p.from_class, p.to_class,
       p.start_half, p.confirm_half, p.event_confidence, p.probability, p.earlier_known,
       CASE WHEN r.corrected_geom IS NULL THEN p.area_m2 ELSE ST_Area(r.corrected_geom) END AS area_m2,
       p.evidence || coalesce(':' || md5(ST_AsBinary(r.corrected_geom)), '') AS evidence,
       p.withdrawn, p.changed_at, coalesce(r.corrected_geom, p.geom) AS geom,
       v.state, v.due, v.cause, r.reviewer, r.reason, r.correction, r.decided_at
FROM polygon p JOIN verdict v USING (polygon_id) LEFT JOIN review r USING (review_id);

-- Decisions whose evidence changed: both versions side by side. The earlier one is NULL where it was not kept.
CREATE VIEW re_review AS
SELECT p.polygon_id, v.cause, v.state, r.reviewer, r.reason, r.decided_at, p.withdrawn,
       o.start_half AS start_half_decided, p.start_half,
       o.from_class AS from_class_decided, p.from_class,
       o.to_class AS to_class_decided, p.to_class,
       o.area_m2 AS area_m2_decided, p.area_m2,
       o.geom AS geom_decided, p.geom
FROM verdict v
JOIN polygon p USING (polygon_id)
JOIN review r USING (review_id)
LEFT JOIN polygon_version o ON o.polygon_id = r.polygon_id AND o.evidence = r.evidence
WHERE v.due = 're-review';
