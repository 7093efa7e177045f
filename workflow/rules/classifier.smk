"""Beside the stages. labelled patches -> models/landcover.onnx and its model card."""

if config["classifier"]["model"] is None:

    rule train_classifier:
        """Land-cover network from labelled patches, with figures for places it has not seen."""
        input:
            index=f"{config['classifier']['patches']}/index.csv",
        output:
            model=result("models/landcover.onnx"),
            card=result("models/landcover.card.json"),
            card_text=result("models/landcover.card.md"),
        log:
            result("logs/train_classifier.log"),
        benchmark:
            result("benchmarks/train_classifier.tsv")
        conda:
            "../../envs/torch.yaml"
        threads: 8
        resources:
            mem_mb=8000,
            runtime=240,
            gpu=int(config["classifier"]["device"] == "gpu"),
        params:
            baseline=1,
            patches=lambda w, input: os.path.dirname(input.index),
            settings=config["classifier"],
        message:
            "Training the land-cover network"
        script:
            "../../scripts/train_classifier.py"
