"""Orthophotos under confirmed change: features, random forest, and outlines of newly sealed land."""
