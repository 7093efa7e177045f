"""Rule report: figures of the run, a map for each zone, indicators, the feed and the report page."""

from pathlib import Path

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.feed.write import write_feed
    from sealwatch.indicators.report import Settings, write_indicators
    from sealwatch.indicators.satellite import ZoneFiles
    from sealwatch.keys import zone_of_tile
    from sealwatch.orthophoto.sheets import read_index
    from sealwatch.report.land import read_enrichment
    from sealwatch.report.overview import draw_overview
    from sealwatch.report.page import write_page
    from sealwatch.report.sources import Facts, Products, of_zone
    from sealwatch.report.summary import summarise

    files, params, made = snakemake.input, snakemake.params, snakemake.output
    outlines, scenes = files.get("outlines", []), files.get("scenes", [])
    zones = [
        ZoneFiles(Path(grid), Path(change), Path(events), of_zone(files.halves, Path(grid).stem))
        for grid, change, events in zip(files.grids, files.changes, files.events, strict=True)
    ]
    for zone, target in zip(zones, made.maps, strict=True):
        draw_overview(
            acquisitions=[s for s in scenes if zone_of_tile(Path(s).parent.name) == zone.grid.stem],
            zone_grid=zone.grid,
            events=zone.layers,
            outlines=outlines,
            unclear_scl=params.unclear_scl,
            title=params.title,
            attribution=params.attribution,
            target=target,
        )
    figures = summarise(
        scenes=params.scenes,
        months=params.months,
        halves=params.halves,
        grids=files.grids,
        events=files.events,
        sheets=len(read_index(files.sheets)),
        outlines=outlines,
        target=made.figures,
    )
    write_indicators(
        zones,
        outlines,
        Settings(
            area_of_interest=files.area,
            registries=params.registers,
            population=files.get("population") or None,
            sealed_land_use=[str(value) for value in params.sealed_land_use],
            statement=files.get("statement") or None,
            **params.rule,
        ),
        target=made.indicators,
        table=made.indicator_table,
    )
    write_feed(
        files.events,
        {name: made[name] for name in ("geojson", "atom", "maproulette")},
        params.about,
        params.facts["period"][1],
    )
    write_page(
        made.page,
        Products(
            area=files.area,
            sheets=files.sheets,
            grids=files.grids,
            cells=files.changes,
            events=files.events,
            evidence=files.evidence,
            halves=files.halves,
            months=files.composites,
            scenes=scenes,
            land_cover=files.get("land_cover", []),
            mosaics=files.get("mosaics", []),
            segmentations=files.get("segmentations", []),
            outlines=outlines,
            pictures=files.get("pictures", []),
            maps=made.maps,
            figures=made.figures,
            indicators=made.indicators,
        ),
        Facts(
            title=params.title,
            attribution=params.attribution,
            scenes=params.scenes,
            rejected=params.rejected,
            settings=params.settings,
            figures=figures,
            registries=params.registries,
            enrichment=read_enrichment(params.database, params.registries),
            **params.facts,
        ),
    )
