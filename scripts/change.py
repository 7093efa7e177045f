"""Rule change: lasting transitions to impervious classes and alerts, their copies for the web and their STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.events import ChangeRule, detect_change
    from sealwatch.change.geoparquet import write_geoparquet
    from sealwatch.composites.cog import change_assets, change_cogs
    from sealwatch.composites.stac import write_item

    detect_change(
        halves=snakemake.input.halves,
        months=snakemake.input.months,
        zone=snakemake.wildcards.zone,
        rule=ChangeRule(**snakemake.params.rule),
        target=snakemake.output.cells,
        layers_target=snakemake.output.layers,
        baseline=snakemake.params.baseline,
    )
    write_geoparquet(
        snakemake.output.layers,
        {name: snakemake.output[name] for name in ("events", "sites", "alerts")},
    )
    copies = (snakemake.output.start, snakemake.output.to_class, snakemake.output.confidence)
    halves = change_cogs(snakemake.output.cells, *copies)
    write_item(
        snakemake.output.cells,
        snakemake.output.item,
        "change",
        f"{snakemake.wildcards.zone}-change",
        snakemake.params.catalogue,
        change_assets(*copies, halves),
    )
