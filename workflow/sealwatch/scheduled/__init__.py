"""A run that a timer starts: refresh the catalogue, run, and tell what is new, once and by one run at a time."""
