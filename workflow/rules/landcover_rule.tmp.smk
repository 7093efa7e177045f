rule classify:
    """One acquisition: class probabilities of the patch centred on each grid cell."""
    input:
        scene=result("acquisition/{tile}/{date}_{platform}.h5"),
        model=classifier_model(),
    output:
        landcover=result("landcover/{tile}/{date}_{platform}.h5"),
    params:
        baseline=1,
        settings={k: config["sentinel2"][k] for k in ("min_clear_fraction", "unclear_scl")},
        patch_stride=config["grid"]["patch_stride"],
        device=config["classifier"]["device"],
    log:
        result("logs/classify/{tile}_{date}_{platform}.log"),
    benchmark:
        result("benchmarks/classify/{tile}_{date}_{platform}.tsv")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=int(config["classifier"]["device"] == "gpu"),
    conda:
        "../../envs/torch.yaml"
    message:
        "Classifying {wildcards.tile} {wildcards.date} {wildcards.platform}"
    script:
        "../../scripts/classify.py"
