-- Outlines with fewer vertices for small scales; evidence is that of the outline in `standing` they were made from.
CREATE TABLE polygon_generalised (
    polygon_id  text NOT NULL REFERENCES polygon,
    tolerance_m double precision NOT NULL,
    evidence    text NOT NULL,
    geom        geometry(MultiPolygon, {{srid}}) NOT NULL,
    PRIMARY KEY (polygon_id, tolerance_m)
);
CREATE INDEX polygon_generalised_geom ON polygon_generalised USING gist (geom);
