"""Rule prepare_sheet: features of one orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.features import prepare_sheet

    prepare_sheet(
        raster=snakemake.input.raster,
        target=snakemake.output.features,
        window_px=snakemake.params.window_px,
        baseline=snakemake.params.baseline,
    )
