-- Decisions by editing a row, for QGIS: an UPDATE of `review_form` appends to `review` under the account's own name.

-- One row per polygon. `decision`, `ground` and `remark` are always empty: what is written into them is the decision.
-- `version` names what a person saw: the evidence and the latest decision of anyone else.
-- Outlines as found and as corrected are apart, so that a map's window is looked up in an index of each. The desk
-- looks its windows up in the same one.
CREATE INDEX IF NOT EXISTS review_corrected_geom ON review USING gist (corrected_geom) WHERE corrected_geom IS NOT NULL;
CREATE VIEW review_form AS
SELECT q.polygon_id,
       q.evidence || '#' || coalesce((SELECT max(o.review_id) FROM review o
                                      WHERE o.polygon_id = q.polygon_id AND o.reviewer <> session_user), 0) AS version,
       q.due, array_to_string(q.cause, ', ') AS cause, q.state, q.reviewer, q.reason, q.decided_at,
       ''::text AS decision, ''::text AS ground, ''::text AS remark,
       coalesce(q.correction->>'from_class', q.from_class) AS from_class,
       coalesce(q.correction->>'to_class', q.to_class) AS to_class,
       coalesce(q.correction->>'start_half', q.start_half) AS start_half,
       q.confirm_half, q.sheet, q.year, q.flight_date, q.earlier_flight_date, q.event_id, q.area_m2,
       q.probability, q.event_confidence, q.earlier_known, q.withdrawn,
       (SELECT string_agg(key || ' ' || value, ', ' ORDER BY key) FROM jsonb_each_text(e.distances_m)) AS distances_m,
       (SELECT string_agg(key || ' ' || value, ', ' ORDER BY key) FROM jsonb_each_text(e.overlap_shares))
           AS overlap_shares,
       e.land_use_before, e.municipality, q.geom
FROM (
    SELECT p.polygon_id, p.evidence, v.due, v.cause, v.state, r.reviewer, r.reason, r.decided_at, r.correction,
           p.from_class, p.to_class, p.start_half, p.confirm_half, p.sheet, p.year, p.flight_date,
           p.earlier_flight_date, p.event_id, p.area_m2, p.probability, p.event_confidence, p.earlier_known,
           p.withdrawn, p.geom
    FROM polygon p JOIN verdict v USING (polygon_id) LEFT JOIN review r USING (review_id)
    -- The state says nothing new, but the planner knows how often it occurs.
    WHERE v.state <> 'corrected' OR r.corrected_geom IS NULL
    UNION ALL
    SELECT p.polygon_id, p.evidence, v.due, v.cause, v.state, r.reviewer, r.reason, r.decided_at, r.correction,
           p.from_class, p.to_class, p.start_half, p.confirm_half, p.sheet, p.year, p.flight_date,
           p.earlier_flight_date, p.event_id, ST_Area(r.corrected_geom), p.probability, p.event_confidence,
           p.earlier_known, p.withdrawn, r.corrected_geom
    FROM review r JOIN verdict v USING (review_id) JOIN polygon p ON p.polygon_id = v.polygon_id
    WHERE v.state = 'corrected' AND r.corrected_geom IS NOT NULL
) q
LEFT JOIN enrichment e ON e.polygon_id = q.polygon_id;

CREATE FUNCTION review_form_edited() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    p        record;
    edited   boolean := (NEW.from_class, NEW.to_class, NEW.start_half) <> (OLD.from_class, OLD.to_class, OLD.start_half)
                        OR ST_AsBinary(NEW.geom) <> ST_AsBinary(OLD.geom);
    wanted   text := coalesce(NEW.decision, '');
    changes  jsonb;
    outline  geometry;
BEGIN
    SELECT * INTO p FROM polygon WHERE polygon_id = OLD.polygon_id;
    IF edited AND wanted IN ('', 'accepted') THEN
        wanted := 'corrected';
    END IF;
    IF wanted = '' THEN
        RAISE EXCEPTION 'polygon %: choose a decision', OLD.polygon_id USING ERRCODE = 'check_violation';
    ELSIF edited AND wanted <> 'corrected' THEN
        RAISE EXCEPTION 'polygon %: % cannot go with a corrected class, period or outline', OLD.polygon_id, wanted
            USING ERRCODE = 'check_violation';
    END IF;
    IF wanted = 'corrected' THEN
        SELECT jsonb_strip_nulls(jsonb_build_object(
                   'from_class', nullif(NEW.from_class, p.from_class), 'to_class', nullif(NEW.to_class, p.to_class),
                   'start_half', nullif(NEW.start_half, p.start_half))) INTO changes;
        IF ST_AsBinary(NEW.geom) <> ST_AsBinary(p.geom) THEN
            outline := ST_Multi(NEW.geom);
        END IF;
        IF changes = '{}' AND outline IS NULL THEN
            RAISE EXCEPTION 'polygon %: corrected needs another class, period or outline', OLD.polygon_id
                USING ERRCODE = 'check_violation';
        ELSIF NOT ST_IsValid(outline) THEN
            RAISE EXCEPTION 'polygon %: the outline is not valid: %', OLD.polygon_id, ST_IsValidReason(outline)
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    INSERT INTO review (polygon_id, state, reviewer, reason, correction, corrected_geom, evidence)
    VALUES (OLD.polygon_id, wanted, session_user, concat_ws(': ', nullif(NEW.ground, ''), nullif(NEW.remark, '')),
            changes, outline, split_part(OLD.version, '#', 1));
    -- The insert waited for whoever decided at the same moment; their row is seen only now.
    PERFORM 1 FROM review_form WHERE polygon_id = OLD.polygon_id AND version = OLD.version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'polygon % has changed since it was looked at; look again', OLD.polygon_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM set_config('sealwatch.form_rows', 'some', true);
    RETURN NEW;
END $$;

-- A row whose version is no longer the one that was shown is not found by its key: that must not pass in silence.
CREATE FUNCTION review_form_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('sealwatch.form_rows', 'none', true);
    RETURN NULL;
END $$;
CREATE FUNCTION review_form_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sealwatch.form_rows', true) = 'none' THEN
        RAISE EXCEPTION 'the polygon has changed since it was looked at, nothing is written; reload the layer'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER begins BEFORE UPDATE ON review_form FOR EACH STATEMENT EXECUTE FUNCTION review_form_begins();
CREATE TRIGGER edited INSTEAD OF UPDATE ON review_form FOR EACH ROW EXECUTE FUNCTION review_form_edited();
CREATE TRIGGER ends AFTER UPDATE ON review_form FOR EACH STATEMENT EXECUTE FUNCTION review_form_ends();

-- Registries with a key, as QGIS needs one; the partitions themselves have none.
CREATE VIEW registry_shape AS
SELECT registry || ' ' || ctid::text AS shape, registry, attribute, geom FROM registry_polygon;
