"""Sealwatch: newly sealed land from Sentinel-2 time series and orthophotos.

The folders follow the pipeline: `catalogue`, `sentinel2`, `classifier`, `composites`, `change`,
`orthophoto`, `publish`, `report`. Modules at this level are shared by several stages.
"""

__version__ = "0.1.0"
