"""Rule zone_grid: the area of interest on the grid of a zone."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.sentinel2.area import write_zone_grid

    write_zone_grid(
        area_of_interest=snakemake.input.area,
        zone=snakemake.wildcards.zone,
        patch_stride=snakemake.params.patch_stride,
        target=snakemake.output.grid,
        baseline=snakemake.params.baseline,
    )
