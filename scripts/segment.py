"""Rule segment: class and confidence of every pixel of one orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.segmentation import segment_sheet

    segment_sheet(
        features=snakemake.input.features,
        model=snakemake.input.model,
        target=snakemake.output.segmentation,
        baseline=snakemake.params.baseline,
        engine=snakemake.params.engine,
        threads=snakemake.threads,
    )
