"""Stage 7: what people see of a run: figures and a map."""
