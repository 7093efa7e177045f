"""Rule mosaic: all tiles of one satellite and date on the zone's grid, with its STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.mosaic import mosaic
    from sealwatch.composites.stac import write_item

    mosaic(
        landcover=snakemake.input.landcover,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.map,
        baseline=snakemake.params.baseline,
        day=(snakemake.wildcards.date, snakemake.wildcards.platform),
    )
    write_item(
        snakemake.output.map,
        snakemake.output.item,
        "dates",
        f"{snakemake.wildcards.zone}-{snakemake.wildcards.date}-{snakemake.wildcards.platform}",
        snakemake.params.catalogue,
    )
