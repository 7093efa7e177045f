"""Rule overview: map of the found changes over the newest imagery."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.report.overview import draw_overview

    draw_overview(
        acquisitions=snakemake.input.scenes,
        zone_grid=snakemake.input.grid,
        events=snakemake.input.events,
        outlines=snakemake.input.get("outlines", []),
        unclear_scl=snakemake.params.unclear_scl,
        title=snakemake.params.title,
        attribution=snakemake.params.attribution,
        target=snakemake.output.picture,
    )
