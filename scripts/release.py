"""Rule release: the accepted polygons as the next numbered release."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.mapserver import write_service
    from sealwatch.publish.release import make_release

    made = make_release(snakemake.params.database, snakemake.params.folder, snakemake.params.services)
    write_service(snakemake.params.mapfile, snakemake.params.services, snakemake.params.database)
    word = "new" if made.new else "unchanged"
    print(f"release {made.number} ({word}): {made.polygons} polygons in {made.folder}")
