"""Rule spacetime: GRASS space-time raster datasets over the HDF5 maps."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.spacetime import build

    build(
        zone=snakemake.wildcards.zone,
        datasets={name: getattr(snakemake.input, name) for name in ("dates", "months", "halves")},
        target=snakemake.output.archive,
        pack=snakemake.params.pack,
    )
