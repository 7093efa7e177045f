"""From outlined polygons to a trusted public layer: PostGIS, registries, review, releases, WFS."""
