"""Rule stac_catalogue: the static catalogue over all items."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.stac import write_catalogue

    write_catalogue(
        items={name: snakemake.input.get(name, []) for name in ("dates", "months", "halves", "change")},
        target=snakemake.output.catalogue,
        project=snakemake.params.project,
        attribution=snakemake.params.attribution,
    )
