"""Rule cog: copies of a half-year map for the web, and its STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.cog import half_assets, half_cogs
    from sealwatch.composites.stac import write_item

    copies = (snakemake.output.land_cover, snakemake.output.confidence)
    half_cogs(snakemake.input.map, *copies)
    write_item(
        snakemake.input.map,
        snakemake.output.item,
        "halves",
        f"{snakemake.wildcards.zone}-{snakemake.wildcards.half}",
        snakemake.params.catalogue,
        half_assets(*copies),
    )
