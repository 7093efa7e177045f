"""Pasting blocks of other patches: the label follows the central cell."""

from __future__ import annotations

import pytest

from sealwatch.classifier import torchvision_ops

torchvision_ops.ensure()
torch = pytest.importorskip("torch")

from sealwatch.classifier.centre_mix import SMALLEST_BLOCK_PX, mix_centre  # noqa: E402

N = 400


def numbered(n: int = N, size: int = 64):
    """Patches whose every pixel holds the patch's own label."""
    labels = torch.arange(n)
    return labels.float()[:, None, None, None].expand(n, 2, size, size).clone(), labels


def mixed(cell_px: int = 16, probability: float = 1.0, seed: int = 1, n: int = N):
    patches, labels = numbered(n)
    return mix_centre(patches, labels, cell_px, probability, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("cell_px", [16, 32, 64])
def test_the_label_is_that_of_most_pixels_of_the_central_cell(cell_px):
    patches, labels = mixed(cell_px)
    first = (64 - cell_px) // 2
    centre = patches[:, 0, first : first + cell_px, first : first + cell_px]
    share = (centre == labels[:, None, None]).float().mean(dim=(1, 2))
    assert share.min() >= 0.5
    changed = labels != torch.arange(N)
    assert share[changed].min() > 0.5
    assert 0 < changed.float().mean() < 0.9


def test_blocks_are_rectangles_of_one_other_patch():
    patches, _ = mixed()
    assert torch.equal(patches[:, 0], patches[:, 1])
    seen = 0
    for number, patch in enumerate(patches[:, 0]):
        foreign = patch != number
        if foreign.any():
            seen += 1
            rows, cols = foreign.any(dim=1), foreign.any(dim=0)
            assert torch.equal(foreign, rows[:, None] & cols[None])
            assert len(patch[foreign].unique()) == 1
    assert seen > 0.9 * N


def test_a_block_beside_the_centre_leaves_the_label():
    patches, labels = mixed()
    foreign = patches[:, 0] != torch.arange(N)[:, None, None]
    beside = foreign.any(dim=(1, 2)) & ~foreign[:, 24:40, 24:40].any(dim=(1, 2))
    assert beside.sum() > 0.1 * N
    assert torch.equal(labels[beside], torch.arange(N)[beside])


def test_blocks_begin_at_eighty_metres_and_can_fill_the_patch():
    patches, _ = mixed(n=2000)
    area = (patches[:, 0] != torch.arange(2000)[:, None, None]).sum(dim=(1, 2))
    assert area.max() > 0.8 * 64 * 64
    assert area[area > 0].median() < 0.5 * 64 * 64
    assert SMALLEST_BLOCK_PX == 8


def test_only_the_share_asked_for_is_mixed():
    patches, _ = mixed(probability=0.25, n=2000)
    share = (patches[:, 0] != torch.arange(2000)[:, None, None]).any(dim=(1, 2)).float().mean()
    assert 0.2 < share < 0.28
    same, labels = mixed(probability=0.0)
    assert torch.equal(same, numbered()[0])
    assert torch.equal(labels, torch.arange(N))


def test_the_same_seed_gives_the_same_batch_and_the_arguments_stay():
    patches, labels = numbered()
    before = patches.clone()
    one = mix_centre(patches, labels, 16, 1.0, torch.Generator().manual_seed(5))
    two = mix_centre(patches, labels, 16, 1.0, torch.Generator().manual_seed(5))
    other = mix_centre(patches, labels, 16, 1.0, torch.Generator().manual_seed(6))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])
    assert torch.equal(patches, before)


def test_a_single_patch_has_no_other_to_take_from():
    patches, labels = mixed(n=1)
    assert torch.equal(patches, numbered(1)[0])
    assert labels.tolist() == [0]


@pytest.mark.parametrize(("cell_px", "probability"), [(0, 0.5), (65, 0.5), (16, 1.5), (16, -0.1)])
def test_settings_out_of_range_are_refused(cell_px, probability):
    with pytest.raises(ValueError, match="mix_centre"):
        mixed(cell_px, probability)
