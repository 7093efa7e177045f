"""Rule report: figures of the run, indicators and a map for each zone."""

from pathlib import Path

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.indicators.report import Settings, Zone, write_indicators
    from sealwatch.indicators.satellite import ZoneFiles
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
    halves: dict[str, list[Path]] = {}
    for path in map(Path, files.halves):
        halves.setdefault(path.parent.name, []).append(path)
    write_indicators(
        [
            Zone(Path(grid), ZoneFiles(Path(change), Path(events), halves[Path(grid).stem]))
            for grid, change, events in zip(files.grids, files.changes, files.events, strict=True)
        ],
        outlines,
        Settings(
            area_of_interest=files.area,
            registries=snakemake.params.registers,
            population=files.get("population") or None,
            sealed_land_use=[str(value) for value in snakemake.params.sealed_land_use],
            statement=files.get("statement") or None,
            **snakemake.params.rule,
        ),
        target=snakemake.output.indicators,
        table=snakemake.output.indicator_table,
    )
