"""Stage 2. inventory -> acquisition/{tile}/{date}_{platform}.h5 -> landcover/{tile}/{date}_{platform}.h5."""


rule zone_grid:
    """The zone's grid of cells and those inside the area of interest."""
    input:
        area=config["area_of_interest"],
    output:
        grid=result("grid/{zone}.h5"),
    log:
        result("logs/zone_grid/{zone}.log"),
    benchmark:
        result("benchmarks/zone_grid/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=1,
        patch_stride=config["grid"]["patch_stride"],
    message:
        "Grid of zone {wildcards.zone}"
    script:
        "../../scripts/zone_grid.py"


rule ingest:
    """One acquisition: harmonised reflectance and scene classification from COG windows."""
    input:
        record=inventoried("inventory/{tile}/{date}_{platform}.json"),
        grid=lambda w: result(f"grid/{keys.zone_of_tile(w.tile)}.h5"),
    output:
        scene=result("acquisition/{tile}/{date}_{platform}.h5"),
    log:
        result("logs/ingest/{tile}_{date}_{platform}.log"),
    benchmark:
        result("benchmarks/ingest/{tile}_{date}_{platform}.tsv")
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
        # Profiles limit how many scenes are fetched at once.
        download=1,
    params:
        baseline=2,
        bands=config["sentinel2"]["bands"],
        signing=config["catalogue"]["signing"],
    message:
        "Reading {wildcards.tile} {wildcards.date} {wildcards.platform}"
    script:
        "../../scripts/ingest.py"


rule classify:
    """One acquisition: class probabilities of the patch centred on each grid cell."""
    input:
        scene=result("acquisition/{tile}/{date}_{platform}.h5"),
        model=classifier_model(),
    output:
        landcover=result("landcover/{tile}/{date}_{platform}.h5"),
    log:
        result("logs/classify/{tile}_{date}_{platform}.log"),
    benchmark:
        result("benchmarks/classify/{tile}_{date}_{platform}.tsv")
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
        gpu=int(config["classifier"]["device"] == "gpu"),
    params:
        baseline=3,
        settings=CLEAR_GROUND,
        patch_stride=config["grid"]["patch_stride"],
        device=config["classifier"]["device"],
        engine=config["classifier"]["engine"],
        test_time_flips=config["classifier"]["test_time_flips"],
    message:
        "Classifying {wildcards.tile} {wildcards.date} {wildcards.platform}"
    script:
        "../../scripts/classify.py"
