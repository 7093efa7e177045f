"""Stage 7: the indicators an authority reports, with their definitions."""
