"""Beside the stages. labelled patches -> models/landcover.onnx, its int8 variant, checkpoint and model card."""


localrules:
    fetch,


rule fetch:
    """What the training needs from the internet, before a run on machines without it; run explicitly.

    No output: the weights go to torch's cache.
    """
    input:
        patches=downloaded_patches(),
    log:
        result("logs/fetch.log"),
    conda:
        "../../envs/torch.yaml"
    params:
        network=network_to_train(),
    message:
        "Fetching what the training needs"
    script:
        "../../scripts/fetch.py"


if config["classifier"]["model"] is None and config["classifier"]["patches"] is None:

    rule eurosat:
        """EuroSAT, 13 bands, through TorchGeo: downloaded once, needs the internet."""
        output:
            index=result("eurosat/index.csv"),
        log:
            result("logs/eurosat.log"),
        benchmark:
            result("benchmarks/eurosat.tsv")
        conda:
            "../../envs/torch.yaml"
        resources:
            mem_mb=grows(2000),
            runtime=grows(120),
        params:
            baseline=1,
        message:
            "Downloading EuroSAT"
        script:
            "../../scripts/eurosat.py"


if config["classifier"]["model"] is None and config["classifier"]["local_labels"]:

    rule label_patches:
        """Patches of the user's own scenes under labelled points and polygons."""
        input:
            labels=config["classifier"]["local_labels"],
            scenes=labelled_scenes(),
        output:
            patches=result("models/local_patches.h5"),
        log:
            result("logs/label_patches.log"),
        benchmark:
            result("benchmarks/label_patches.tsv")
        conda:
            "../../envs/base.yaml"
        resources:
            mem_mb=grows(2000),
            runtime=grows(30),
        params:
            baseline=1,
            bands=config["classifier"]["bands"],
            clear_ground=CLEAR_GROUND,
        message:
            "Cutting local patches"
        script:
            "../../scripts/label_patches.py"


if config["classifier"]["model"] is None:

    rule train_classifier:
        """Land-cover network from labelled patches, with figures for places it has not seen."""
        input:
            index=downloaded_patches() or f"{config['classifier']['patches']}/index.csv",
            local=(
                result("models/local_patches.h5")
                if config["classifier"]["local_labels"]
                else []
            ),
        output:
            model=result("models/landcover.onnx"),
            model_int8=result("models/landcover.int8.onnx"),
            checkpoint=result("models/landcover.pt"),
            card=result("models/landcover.card.json"),
            card_text=result("models/landcover.card.md"),
            confusion=report(
                result("models/landcover.confusion.svg"),
                caption="../report/model.rst",
                category="Model",
            ),
        log:
            result("logs/train_classifier.log"),
        benchmark:
            result("benchmarks/train_classifier.tsv")
        conda:
            "../../envs/torch.yaml"
        threads: 8
        resources:
            mem_mb=grows(8000),
            runtime=grows(240),
            gpu=int(config["classifier"]["device"] == "gpu"),
        params:
            baseline=2,
            patches=lambda w, input: os.path.dirname(input.index),
            settings={
                k: v
                for k, v in config["classifier"].items()
                if k not in ("engine", "precision", "local_labels")
            }
            | {"patch_stride": config["grid"]["patch_stride"]},
        message:
            "Training the land-cover network"
        script:
            "../../scripts/train_classifier.py"
