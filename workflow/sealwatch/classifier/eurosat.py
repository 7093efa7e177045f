"""EuroSAT through TorchGeo: downloaded once, then a folder of patches like any other."""

from __future__ import annotations

from pathlib import Path

from . import torchvision_ops

torchvision_ops.ensure()

from torchgeo.datasets import EuroSAT  # noqa: E402

from ..errors import ConfigError  # noqa: E402
from .index import write_index  # noqa: E402


def fetch_eurosat(index: str | Path, dataset: type[EuroSAT] = EuroSAT) -> int:
    """Download TorchGeo's EuroSAT (13 bands, 27,000 patches, 2 GB) beside its index, and write the index.

    What is there already is kept, so a folder that TorchGeo filled elsewhere may be put in place.

    Args:
        index: `index.csv` to write; the patches lie in the same folder.
        dataset: TorchGeo's class, which names the address and the checksums.

    Returns:
        Number of patches.

    Raises:
        ConfigError: the download failed or is damaged.
        RasterError: a patch that cannot be read.
    """
    folder = Path(index).parent
    try:
        for split in dataset.splits:
            dataset(root=folder, split=split, download=True, checksum=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"classifier.patches: EuroSAT cannot be downloaded to {folder} ({error}); on a machine with internet run "
            f"torchgeo.datasets.EuroSAT(root, split, download=True) for each split, copy its root to {folder} and run "
            "again, or name a folder of labelled patches"
        ) from error
    return write_index(folder, folder / dataset.base_dir)
