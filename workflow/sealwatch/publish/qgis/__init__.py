"""The QGIS project for reviewers, written as XML without QGIS."""
