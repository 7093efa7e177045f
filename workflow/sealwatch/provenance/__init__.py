"""Where a polygon comes from: scenes, models, orthophotos and decisions behind it; the run as an RO-Crate."""
