"""Rule mosaic: all tiles of one satellite and date on the zone's grid."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.mosaic import mosaic

    mosaic(
        landcover=snakemake.input.landcover,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.map,
        baseline=snakemake.params.baseline,
    )
