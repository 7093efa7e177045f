"""Rule change_geoparquet: the layers of change as GeoParquet."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.geoparquet import write_geoparquet

    write_geoparquet(snakemake.input.layers, dict(snakemake.output.items()))
