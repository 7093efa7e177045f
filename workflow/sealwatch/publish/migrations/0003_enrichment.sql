-- Enrichment beyond distances: overlap with each registry, land use before, municipality.
ALTER TABLE registry
    ADD COLUMN kind text NOT NULL DEFAULT 'objects' CHECK (kind IN ('objects', 'land_use', 'municipality')),
    ADD COLUMN field text NOT NULL DEFAULT '';
ALTER TABLE registry_polygon ADD COLUMN attribute text NOT NULL DEFAULT '';   -- value of the registry's field
ALTER TABLE registry_distance
    ADD COLUMN overlap_share double precision NOT NULL DEFAULT 0 CHECK (overlap_share BETWEEN 0 AND 1),
    ADD COLUMN attribute text NOT NULL DEFAULT '';   -- attribute with the largest common area, '' without any
CREATE INDEX registry_distance_registry ON registry_distance (registry);
-- What was measured before knows no overlap: the next run of `enrich` measures it again.
UPDATE registry_distance SET digest = '';

-- One row per polygon, of measurements on its outline of now: objects by registry, and two attributes.
CREATE VIEW enrichment AS
SELECT s.polygon_id,
       jsonb_object_agg(d.registry, round(d.distance_m::numeric, 2)) AS distances_m,
       jsonb_object_agg(d.registry, round(d.overlap_share::numeric, 4)) AS overlap_shares,
       coalesce(string_agg(d.attribute, ', ' ORDER BY d.registry) FILTER (WHERE r.kind = 'land_use'), '')
           AS land_use_before,
       coalesce(string_agg(d.attribute, ', ' ORDER BY d.registry) FILTER (WHERE r.kind = 'municipality'), '')
           AS municipality
FROM standing s
JOIN registry_distance d ON d.polygon_id = s.polygon_id AND d.evidence = s.evidence
JOIN registry r ON r.registry = d.registry AND r.digest = d.digest
GROUP BY s.polygon_id;
