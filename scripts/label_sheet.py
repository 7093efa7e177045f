"""Rule label_sheet: training samples below the polygons drawn on one orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.labels import label_sheet

    label_sheet(
        features=snakemake.input.features,
        polygons=snakemake.input.polygons,
        target=snakemake.output.table,
        sheet=snakemake.wildcards.sheet,
        year=int(snakemake.wildcards.year),
        samples_per_class=snakemake.params.samples_per_class,
        seed=snakemake.params.seed,
        baseline=snakemake.params.baseline,
        reference=snakemake.input.reference or None,
        reference_min=snakemake.params.reference_min,
    )
