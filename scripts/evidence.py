"""Rule evidence: which scenes voted what at the cells of events and alerts, and a plot for each site."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.evidence import collect_evidence
    from sealwatch.change.plot import draw_transitions

    composites = {name: snakemake.input[name] for name in ("layers", "months", "halves")}
    collect_evidence(mosaics=snakemake.input.get("mosaics", []), target=snakemake.output.table, **composites)
    draw_transitions(target=snakemake.output.plots, **composites)
