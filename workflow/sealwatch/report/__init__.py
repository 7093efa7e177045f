"""Stage 7: what people see of a run: figures, maps and the report page."""
