"""Rule transition_plots: a plot of land cover over time for each site."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.plot import draw_transitions

    draw_transitions(
        layers=snakemake.input.layers,
        months=snakemake.input.months,
        halves=snakemake.input.halves,
        target=snakemake.output.folder,
    )
