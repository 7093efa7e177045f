"""Stage 3: maps per date, monthly and half-yearly composites on one grid, and the GRASS space-time datasets."""
