"""Builders of synthetic and staged worlds: everything the pipeline reads, made by code, with known truth."""
