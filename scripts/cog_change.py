"""Rule cog_change: copies of the change map for the web, and its STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.cog import change_assets, change_cogs
    from sealwatch.composites.stac import write_item

    copies = (snakemake.output.start, snakemake.output.to_class, snakemake.output.confidence)
    halves = change_cogs(snakemake.input.cells, *copies)
    write_item(
        snakemake.input.cells,
        snakemake.output.item,
        "change",
        f"{snakemake.wildcards.zone}-change",
        snakemake.params.catalogue,
        change_assets(*copies, halves),
    )
