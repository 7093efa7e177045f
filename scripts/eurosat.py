"""Rule eurosat: EuroSAT through TorchGeo."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.classifier.eurosat import fetch_eurosat

    fetch_eurosat(snakemake.output.index)
