"""The adversarial network: it uses photograph, strips and noise, the discriminator keeps six slices, losses hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import drawn, randomised, without_gradient

from fundus2oct.baselines.networks.fundus_encoder import FundusEncoderConfig
from fundus2oct.baselines.networks.pix2pix3d import (
    NoiseInjection,
    PatchDiscriminator,
    PatchDiscriminatorConfig,
    Pix2PixConfig,
    Pix2PixGenerator,
    discriminator_loss,
    generator_loss,
    translation_loss,
)
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig

SMALL = Pix2PixConfig(
    height=16,
    width=24,
    channels=8,
    multipliers=(1, 2),
    attention_levels=(1,),
    head_width=8,
    embedding_width=12,
    fundus=FundusEncoderConfig(channels=(8, 8), side=4),
    maps=SpatialMapConfig(channels=8, across=4, dilations=(1,)),
)
FUNDUS, STRIPS, NOISE = drawn(2, 3, 32, 32).tanh(), drawn(2, 6, 3, 4, 20).tanh(), drawn(2, 6, 1, 16, 24)


def test_generator_uses_photograph_strips_and_noise() -> None:
    network = randomised(Pix2PixGenerator(SMALL))
    with torch.no_grad():
        plain = network(FUNDUS, STRIPS, NOISE)
        others = (
            network(FUNDUS.flip(-1), STRIPS, NOISE),
            network(FUNDUS, STRIPS.flip(-1), NOISE),
            network(FUNDUS, STRIPS, -NOISE),
        )
    assert plain.shape == (2, 6, 1, 16, 24)
    assert float(plain.abs().max()) <= 1
    assert [float((plain - other).abs().max()) > 1e-3 for other in others] == [True] * 3


def test_generated_case_does_not_depend_on_its_neighbours() -> None:
    network = randomised(Pix2PixGenerator(SMALL))
    with torch.no_grad():
        together, alone = network(FUNDUS, STRIPS, NOISE), network(FUNDUS[1:], STRIPS[1:], NOISE[1:])
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-5)


def test_slice_layers_let_siblings_see_each_other_and_can_be_left_out() -> None:
    strips = STRIPS.clone()
    strips[:, 2] = strips[:, 2].flip(-1)
    for with_slices in (True, False):
        network = randomised(Pix2PixGenerator(replace(SMALL, with_slices=with_slices)))
        with torch.no_grad():
            moved = (network(FUNDUS, strips, NOISE) - network(FUNDUS, STRIPS, NOISE)).abs().amax(dim=(0, 2, 3, 4))
        assert bool(moved[2] > 1e-4)
        assert [bool(m > 1e-6) for i, m in enumerate(moved) if i != 2] == [with_slices] * 5


@pytest.mark.parametrize("height", [4, 8, 16])
def test_injected_noise_has_unit_variance_at_every_level(height: int) -> None:
    layer = NoiseInjection(3)
    layer.strength.data.fill_(1.0)
    added = layer(torch.zeros(400, 3, height, height * 2), drawn(400, 1, 16, 32))
    assert float(added.detach().std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_discriminator_keeps_six_slices(levels: int) -> None:
    network = PatchDiscriminator(PatchDiscriminatorConfig(channels=4, levels=levels))
    judged = network(drawn(2, 6, 1, 64, 96), STRIPS)
    assert judged.shape[:3] == (2, 6, 1)
    assert judged.shape[3] < 64 / 2**levels
    assert judged.shape[4] < 96 / 2**levels
    assert all(c.stride[0] == 1 for c in network.modules() if isinstance(c, torch.nn.Conv3d))


def test_discriminator_sees_volume_and_strips_and_keeps_cases_apart() -> None:
    network, volume = PatchDiscriminator(PatchDiscriminatorConfig(channels=4, levels=2)), drawn(2, 6, 1, 32, 32)
    with torch.no_grad():
        plain = network(volume, STRIPS)
        assert float((network(volume.flip(-1), STRIPS) - plain).abs().max()) > 1e-3
        assert float((network(volume, STRIPS.flip(-1)) - plain).abs().max()) > 1e-4
        torch.testing.assert_close(network(volume[1:], STRIPS[1:]), plain[1:], rtol=0, atol=1e-5)


def test_a_patch_is_judged_by_70_pixels() -> None:
    """The receptive field that pix2pix names for three levels, found by changing single pixels."""
    network = PatchDiscriminator(PatchDiscriminatorConfig(channels=2, with_strips=False))
    network.layers = torch.nn.Sequential(
        *(layer for layer in network.layers if not isinstance(layer, torch.nn.InstanceNorm3d))
    )
    volume = drawn(1, 6, 1, 32, 160).requires_grad_()
    judged = network(volume, STRIPS)
    judged[0, 3, 0, 0, judged.shape[4] // 2].backward()
    assert volume.grad is not None
    columns = torch.nonzero(volume.grad.abs().sum(dim=(0, 1, 2, 3)) > 0).flatten()
    assert int(columns[-1] - columns[0]) + 1 == 70


@pytest.mark.parametrize("kind", ["lsgan", "hinge"])
def test_losses_prefer_what_they_should(kind: str) -> None:
    real, generated = torch.tensor([1.0]), torch.tensor([-1.0])
    assert discriminator_loss(real, generated, kind=kind) < discriminator_loss(generated, real, kind=kind)
    assert generator_loss(real, kind=kind) < generator_loss(generated, kind=kind)


def test_losses_are_their_closed_forms() -> None:
    real, generated = torch.tensor([0.5, 1.5]), torch.tensor([-0.5, 0.5])
    assert float(discriminator_loss(real, generated)) == pytest.approx(0.5 * (0.25 + 0.25))
    assert float(discriminator_loss(real, generated, kind="hinge")) == pytest.approx(0.25 + 1.0)
    losses = translation_loss(torch.zeros(1, 6, 1, 2, 2), torch.full((1, 6, 1, 2, 2), 0.1), generated, l1_weight=10.0)
    assert float(losses["loss"]) == pytest.approx(1.25 + 10 * 0.1)


def test_every_parameter_of_both_networks_learns() -> None:
    generator = randomised(Pix2PixGenerator(SMALL))
    discriminator = PatchDiscriminator(PatchDiscriminatorConfig(channels=4, levels=2))
    generated = generator(FUNDUS, STRIPS, NOISE)
    translation_loss(torch.zeros_like(generated), generated, discriminator(generated, STRIPS))["loss"].backward()
    assert without_gradient(generator) == []
    real, fake = discriminator(drawn(2, 6, 1, 16, 24), STRIPS), discriminator(generated.detach(), STRIPS)
    discriminator_loss(real, fake).backward()
    biases_before_normalisation = {"layers.2.bias", "layers.5.bias"}
    assert set(without_gradient(discriminator)) <= biases_before_normalisation


def test_wrong_settings_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 2, found 15, 24"):
        Pix2PixGenerator(replace(SMALL, height=15))
    with pytest.raises(ValueError, match=r"noise: expected \(2, 6, 1, 16, 24\), found \(2, 6, 1, 16, 20\)"):
        Pix2PixGenerator(SMALL)(FUNDUS, STRIPS, NOISE[..., :20])
    with pytest.raises(ValueError, match="kind: expected lsgan or hinge, found 'wasserstein'"):
        generator_loss(NOISE, kind="wasserstein")
