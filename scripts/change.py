"""Rule change: transitions to impervious classes that persist."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.events import detect_change

    detect_change(
        halves=snakemake.input.halves,
        zone=snakemake.wildcards.zone,
        persistence=snakemake.params.persistence,
        max_gap=snakemake.params.max_gap,
        target=snakemake.output.cells,
        events_target=snakemake.output.events,
        baseline=snakemake.params.baseline,
    )
