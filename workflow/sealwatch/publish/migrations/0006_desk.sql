-- The review desk: decisions that can be taken back, a queue that is read by index, accounts and sessions.
SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', true);

-- A row that takes another one back. It shows what stands again; what was taken back and the row itself count no more,
-- so a decision that stands again keeps its reviewer and the version it was made on.
ALTER TABLE review ADD COLUMN undoes bigint UNIQUE REFERENCES review;
CREATE VIEW decision AS
SELECT r.* FROM review r
WHERE r.undoes IS NULL AND NOT EXISTS (SELECT 1 FROM review u WHERE u.undoes = r.review_id);

-- What a reviewer has seen of a polygon: its version, the standing outline and the latest row of its history.
CREATE FUNCTION seen_token(id text) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT s.evidence || '@' || coalesce((SELECT max(review_id) FROM review WHERE polygon_id = id), 0)
    FROM standing s WHERE s.polygon_id = id
$$;
REVOKE EXECUTE ON FUNCTION seen_token(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION review_arrives() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    p record;  -- not polygon%ROWTYPE: the built-in type polygon is found under that name
    latest record;
    earlier record;
BEGIN
    SELECT * INTO p FROM polygon WHERE polygon_id = NEW.polygon_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown polygon %', NEW.polygon_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    -- A token tells about decisions too. Who takes a decision back has seen at least that one.
    IF (CASE WHEN NEW.undoes IS NOT NULL THEN NOT starts_with(NEW.evidence, p.evidence)
             WHEN NEW.evidence LIKE '%@%' THEN NEW.evidence <> seen_token(NEW.polygon_id)
             ELSE NEW.evidence NOT IN (p.evidence, split_part(seen_token(NEW.polygon_id), '@', 1)) END) THEN
        RAISE EXCEPTION 'polygon % has changed since it was looked at; look again', NEW.polygon_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.undoes IS NOT NULL THEN
        SELECT * INTO latest FROM decision WHERE polygon_id = NEW.polygon_id ORDER BY review_id DESC LIMIT 1;
        IF latest.review_id IS DISTINCT FROM NEW.undoes OR latest.reviewer <> NEW.reviewer THEN
            RAISE EXCEPTION 'the latest decision on polygon % is another person''s or was taken back', NEW.polygon_id
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        SELECT * INTO earlier FROM decision
        WHERE polygon_id = NEW.polygon_id AND review_id < NEW.undoes ORDER BY review_id DESC LIMIT 1;
        NEW.state := coalesce(earlier.state, 'candidate');
        NEW.correction := earlier.correction;
        NEW.corrected_geom := earlier.corrected_geom;
    ELSIF NOT ST_Intersects(NEW.corrected_geom, p.geom) THEN
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

-- As before, of decisions that were not taken back.
CREATE OR REPLACE VIEW verdict_now AS
SELECT p.polygon_id, r.review_id, coalesce(r.state, 'candidate') AS state,
       CASE WHEN coalesce(r.state, 'candidate') = 'candidate' THEN CASE WHEN p.withdrawn THEN '' ELSE 'new' END
            WHEN r.cause <> '{}' THEN 're-review'
            WHEN r.four_eyes AND NOT EXISTS (
                -- An equal decision of another person on what still holds, with no other decision in between.
                SELECT 1 FROM decision o
                WHERE o.polygon_id = p.polygon_id AND lower(btrim(o.reviewer)) <> lower(btrim(r.reviewer))
                  AND change_cause(p.polygon_id, o.evidence, o.vanished, r.area_change_share) = '{}'
                  AND NOT EXISTS (
                      SELECT 1 FROM decision b WHERE b.polygon_id = p.polygon_id AND b.review_id >= o.review_id
                      AND (b.state, b.correction, b.corrected_geom)
                          IS DISTINCT FROM (r.state, r.correction, r.corrected_geom))
            ) THEN 'second reviewer'
            ELSE '' END AS due,
       CASE WHEN r.state = 'candidate' THEN '{}' ELSE coalesce(r.cause, '{}') END AS cause
FROM polygon p
LEFT JOIN LATERAL (
    SELECT l.*, s.area_change_share, s.four_eyes,
           change_cause(p.polygon_id, l.evidence, l.vanished, s.area_change_share) AS cause
    FROM (SELECT * FROM decision WHERE decision.polygon_id = p.polygon_id ORDER BY review_id DESC LIMIT 1) l
    CROSS JOIN review_rule s
) r ON true;

-- How many polygons stand how: the sum of these rows. Changes are added as rows of their own, since one row per state
-- would keep every reviewer waiting for a load to end.
CREATE TABLE verdict_tally (
    tally_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    due      text NOT NULL,
    state    text NOT NULL,
    polygons bigint NOT NULL
);
INSERT INTO verdict_tally (due, state, polygons) SELECT due, state, count(*) FROM verdict GROUP BY due, state;
CREATE FUNCTION tally_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO verdict_tally (due, state, polygons) SELECT due, state, count(*) FROM added GROUP BY due, state;
    ELSE
        INSERT INTO verdict_tally (due, state, polygons)
        SELECT due, state, sum(n)
        FROM (SELECT due, state, 1 AS n FROM added UNION ALL SELECT due, state, -1 FROM removed) c
        GROUP BY due, state HAVING sum(n) <> 0;
    END IF;
    IF (SELECT count(*) FROM verdict_tally) > 100 THEN
        WITH merged AS (
            DELETE FROM verdict_tally
            WHERE tally_id IN (SELECT tally_id FROM verdict_tally FOR UPDATE SKIP LOCKED) RETURNING *)
        INSERT INTO verdict_tally (due, state, polygons)
        SELECT due, state, sum(polygons) FROM merged GROUP BY due, state HAVING sum(polygons) <> 0;
    END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION tally_follows() FROM PUBLIC;
CREATE TRIGGER tally_added AFTER INSERT ON verdict REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION tally_follows();
CREATE TRIGGER tally_changed AFTER UPDATE ON verdict REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION tally_follows();

-- The queue by cause and by sheet, and what was drawn in a part of the map.
CREATE INDEX verdict_due_order ON verdict (due, polygon_id) WHERE due <> '';
CREATE INDEX polygon_sheet_order ON polygon (sheet, polygon_id);
CREATE INDEX review_corrected_geom ON review USING gist (corrected_geom) WHERE corrected_geom IS NOT NULL;

-- Accounts of the desk. The desk reads them; only the owner of the tables makes or changes them.
CREATE TABLE desk_account (
    account       text PRIMARY KEY CHECK (account ~ '^[a-z][a-z0-9._-]{0,39}$'),
    role          text NOT NULL CHECK (role IN ('reader', 'reviewer', 'publisher')),
    password_hash text NOT NULL,
    locked        boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);
-- The token itself is only in the browser's cookie.
CREATE TABLE desk_session (
    token_sha256 bytea PRIMARY KEY,
    account      text NOT NULL REFERENCES desk_account,
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX desk_session_account ON desk_session (account);
-- Failed sign-ins. Of the name only a digest: people type passwords into the wrong field.
CREATE TABLE desk_attempt (
    attempt_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    name_sha256  bytea NOT NULL,
    address      text NOT NULL
);
CREATE INDEX desk_attempt_name ON desk_attempt (name_sha256, attempted_at);
CREATE INDEX desk_attempt_address ON desk_attempt (address, attempted_at);
CREATE INDEX desk_attempt_time ON desk_attempt (attempted_at);
