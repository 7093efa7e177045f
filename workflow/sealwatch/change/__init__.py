"""Stage 4: transitions to impervious classes that persist, per cell of the zone's grid."""
