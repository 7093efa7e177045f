"""Alerts and changes for other people's software: GeoJSON, Atom and tasks for MapRoulette."""
