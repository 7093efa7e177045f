"""Rule fetch: pretrained weights into torch's cache; EuroSAT is the rule's input."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.classifier.network import build_network
    from sealwatch.keys import LAND_COVER_CLASSES

    if snakemake.params.network:
        build_network(classes=LAND_COVER_CLASSES, **snakemake.params.network)
