"""Benchmarks: `make bench`, `make bench ONLY=name`. Not collected by pytest."""
