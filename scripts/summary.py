"""Rule summary: figures of the run."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.report.summary import summarise
    from sealwatch.vectors import read_vector

    summarise(
        scenes=snakemake.params.scenes,
        months=snakemake.params.months,
        halves=snakemake.params.halves,
        grids=snakemake.input.grids,
        events=snakemake.input.events,
        sheets=len(read_vector(snakemake.input.sheets, "sheets")),
        outlines=snakemake.input.get("outlines", []),
        target=snakemake.output.figures,
    )
