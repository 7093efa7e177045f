"""Sealwatch: newly sealed land from Sentinel-2 time series and orthophotos.

The folders follow the pipeline: `catalogue`, `sentinel2`, `classifier`, `composites`, `change`, `orthophoto`,
`publish`, `indicators`, `report`; beside it lie `desk`, `feed` and `provenance` for those who use its results, and
`plan`, `scheduled` and `storage` for those who run it. Modules at this level are shared by several stages.
"""

__version__ = "0.1.0"
