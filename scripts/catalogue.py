"""Rule catalogue: the inventory is brought up to date with the STAC catalogue."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.catalogue.refresh import refresh

    report = refresh(
        settings=snakemake.params.settings,
        bands=snakemake.params.bands,
        period=snakemake.params.period,
        area=snakemake.params.area,
        folder=snakemake.params.folder,
    )

print(report.table(), flush=True)
