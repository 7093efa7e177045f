"""Stage 5. change/{zone}.gpkg -> flags/{sheet}_{year}.json -> ortho -> segmentation -> outline/{sheet}_{year}.gpkg;
beside it training/{sheet}_{year}.h5 -> models/forest.npz.

The checkpoint `flag_sheets` cuts off everything below it: unchanged flags leave every later job alone. While it is
pending, a plan ends there: what lies below is looked at once it has run (see `flags_folder`).
"""


checkpoint flag_sheets:
    """Which orthophotos lie under confirmed change: one small stable file for each."""
    input:
        changes=per_zone("change/{zone}.gpkg"),
        index=ORTHOPHOTO["sheets"],
    output:
        flags=directory(result("flags")),
    log:
        result("logs/flag_sheets.log"),
    benchmark:
        result("benchmarks/flag_sheets.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=3,
    message:
        "Flagging orthophotos under confirmed change"
    script:
        "../../scripts/flag_sheets.py"


rule prepare_sheet:
    """Features of one orthophoto, made in GRASS."""
    input:
        raster=raster_of,
        # For the footprint only: another row must not make this sheet anew.
        index=ancient(ORTHOPHOTO["sheets"]),
    output:
        features=result("ortho/{sheet}_{year}.h5"),
    log:
        result("logs/prepare_sheet/{sheet}_{year}.log"),
    benchmark:
        result("benchmarks/prepare_sheet/{sheet}_{year}.tsv")
    conda:
        "../../envs/grass.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        baseline=2,
        window_px=ORTHOPHOTO["window_px"],
        bands=bands_of,
        epsg=epsg_of,
        value_range=ORTHOPHOTO["value_range"],
    message:
        "Preparing sheet {wildcards.sheet} {wildcards.year}"
    script:
        "../../scripts/prepare_sheet.py"


rule label_sheet:
    """Training samples below the polygons drawn on one orthophoto."""
    input:
        features=result("ortho/{sheet}_{year}.h5"),
        polygons=ORTHOPHOTO["training_polygons"],
        reference=label_reference(),
    output:
        table=result("training/{sheet}_{year}.h5"),
    log:
        result("logs/label_sheet/{sheet}_{year}.log"),
    benchmark:
        result("benchmarks/label_sheet/{sheet}_{year}.tsv")
    conda:
        "../../envs/grass.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=2,
        reference_min=ORTHOPHOTO["reference_min"],
        samples_per_class=ORTHOPHOTO["forest"]["samples_per_class"],
        seed=ORTHOPHOTO["forest"]["seed"],
    message:
        "Training samples of sheet {wildcards.sheet} {wildcards.year}"
    script:
        "../../scripts/label_sheet.py"


rule train_forest:
    """The random forest, trained with cuML on a GPU and with scikit-learn without one."""
    input:
        tables=training_tables,
    output:
        model=result("models/forest.npz"),
        card=result("models/forest.card.json"),
        card_text=result("models/forest.card.md"),
    log:
        result("logs/train_forest.log"),
    benchmark:
        result("benchmarks/train_forest.tsv")
    conda:
        "../../envs/rapids.yaml"
    threads: 8
    resources:
        **({"gpu": 1} if ORTHOPHOTO["forest"]["engine"] == "gpu" else {}),
        mem_mb=grows(8000),
        runtime=grows(60),
    params:
        baseline=1,
        settings=ORTHOPHOTO["forest"],
    message:
        "Training the forest"
    script:
        "../../scripts/train_forest.py"


rule segment:
    """Class and confidence of every pixel of one orthophoto."""
    input:
        features=result("ortho/{sheet}_{year}.h5"),
        model=result("models/forest.npz"),
    output:
        segmentation=result("segmentation/{sheet}_{year}.h5"),
    log:
        result("logs/segment/{sheet}_{year}.log"),
    benchmark:
        result("benchmarks/segment/{sheet}_{year}.tsv")
    conda:
        "../../envs/rapids.yaml"
    threads: 2
    resources:
        **({"gpu": 1} if ORTHOPHOTO["forest"]["engine"] == "gpu" else {}),
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        baseline=2,
        engine=ORTHOPHOTO["forest"]["engine"],
    message:
        "Segmenting sheet {wildcards.sheet} {wildcards.year}"
    script:
        "../../scripts/segment.py"


rule outline:
    """Polygons of newly sealed land on one flagged orthophoto, drawn in GRASS."""
    input:
        flag=flag_of,
        segmentation=result("segmentation/{sheet}_{year}.h5"),
        earlier=earlier_segmentation,
        reference=ORTHOPHOTO["reference"] or [],
    output:
        polygons=result("outline/{sheet}_{year}.gpkg"),
    log:
        result("logs/outline/{sheet}_{year}.log"),
    benchmark:
        result("benchmarks/outline/{sheet}_{year}.tsv")
    conda:
        "../../envs/grass.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        baseline=3,
        settings={
            key: ORTHOPHOTO[key]
            for key in (
                "majority_px",
                "min_area_m2",
                "fill_holes_m2",
                "registration_m",
                "min_probability",
                "reference_min",
                "simplify_m",
                "event_buffer_m",
            )
        },
    message:
        "Outlining newly sealed land on sheet {wildcards.sheet} {wildcards.year}"
    script:
        "../../scripts/outline.py"
