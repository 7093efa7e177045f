"""Rule report: figures of the run, a map for each zone and the feed of alerts and changes."""

from pathlib import Path

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.feed.write import write_feed
    from sealwatch.keys import zone_of_tile
    from sealwatch.report.overview import draw_overview
    from sealwatch.report.summary import summarise
    from sealwatch.vectors import read_vector

    files, outlines = snakemake.input, snakemake.input.get("outlines", [])
    for grid, events, target in zip(files.grids, files.events, snakemake.output.maps, strict=True):
        zone = Path(grid).stem
        draw_overview(
            acquisitions=[s for s in files.get("scenes", []) if zone_of_tile(Path(s).parent.name) == zone],
            zone_grid=grid,
            events=events,
            outlines=outlines,
            unclear_scl=snakemake.params.unclear_scl,
            title=snakemake.params.title,
            attribution=snakemake.params.attribution,
            target=target,
        )
    summarise(
        scenes=snakemake.params.scenes,
        months=snakemake.params.months,
        halves=snakemake.params.halves,
        grids=files.grids,
        events=files.events,
        sheets=len(read_vector(files.sheets, "sheets")),
        outlines=outlines,
        target=snakemake.output.figures,
    )
    write_feed(
        files.events,
        {name: snakemake.output[name] for name in ("geojson", "atom", "maproulette")},
        snakemake.params.about["project"],
        snakemake.params.about,
        snakemake.params.end,
    )
