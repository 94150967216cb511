"""Prints the table of docs/baselines.md: parameters, floating-point operations and seconds of each network.

`.venv/bin/python tests/baselines/networks/measure_sizes.py` takes about a minute. Operations are counted by torch on
tensors without data, a multiplication and an addition as two; seconds are the best of three training steps (forward and
backward, two volumes, float32) on one thread, for the sizes that a processor can train.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fundus2oct.baselines.networks.autoencoder import Autoencoder, AutoencoderConfig
from fundus2oct.baselines.networks.denoiser import Denoiser, DenoiserConfig
from fundus2oct.baselines.networks.fundus_encoder import FundusEncoderConfig
from fundus2oct.baselines.networks.pix2pix3d import (
    PatchDiscriminator,
    PatchDiscriminatorConfig,
    Pix2PixConfig,
    Pix2PixGenerator,
)
from fundus2oct.baselines.networks.pseudo3d_unet import Condition, PseudoUNetConfig
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig

LARGEST_TIMED = 6e9
"""Operations of a forward pass; larger networks are not timed."""

LINES, SIDE = 96, 128

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A row of the table: what makes the network, and its forward pass on a number of volumes."""

    name: str
    shape: str
    make: Callable[[], nn.Module]
    run: Callable[[nn.Module, int], Tensor]


def unet(channels: int, multipliers: Sizes, attention: Sizes, *, latents: int = 1, slices: bool = True) -> Denoiser:
    """A denoiser with encoders in proportion."""
    width = min(4 * channels, 256)
    shape = PseudoUNetConfig(
        in_channels=latents,
        out_channels=latents,
        channels=channels,
        multipliers=multipliers,
        attention_levels=attention,
        head_width=16,
        context_width=width,
        map_channels=channels,
    )
    if not slices:
        shape = replace(shape, with_slices=False, with_context=False, map_channels=0)
    fundus = FundusEncoderConfig(channels=(channels, 2 * channels, 4 * channels))
    return Denoiser(DenoiserConfig(shape, fundus, SpatialMapConfig(channels=channels)))


def denoise(channels: int, height: int, width: int) -> Callable[[nn.Module, int], Tensor]:
    """Forward pass of a denoiser, photograph included."""

    def run(network: nn.Module, count: int) -> Tensor:
        assert isinstance(network, Denoiser)
        has_photograph = network.fundus_encoder is not None
        condition = network.encode(*photographs(count)) if has_photograph else Condition()
        x = torch.randn(count, 6, channels, height, width)
        return torch.as_tensor(network(x, torch.full((count,), 500), condition))

    return run


def photographs(count: int) -> tuple[Tensor, Tensor]:
    """Field and strips of some eyes."""
    return torch.randn(count, 3, SIDE, SIDE), torch.randn(count, 6, 3, 8, LINES)


def translate(network: nn.Module, count: int) -> Tensor:
    """Forward pass of the adversarial generator."""
    assert isinstance(network, Pix2PixGenerator)
    noise = torch.randn(count, 6, 1, network.config.height, network.config.width)
    return torch.as_tensor(network(*photographs(count), noise))


def judge(height: int, width: int) -> Callable[[nn.Module, int], Tensor]:
    """Forward pass of the discriminator."""
    return lambda network, count: network(torch.randn(count, 6, 1, height, width), photographs(count)[1])


def reconstruct(height: int, width: int) -> Callable[[nn.Module, int], Tensor]:
    """Forward pass of the autoencoder."""
    return lambda network, count: network(torch.randn(count, 6, 1, height, width))[0]


def pix2pix(height: int, width: int, channels: int, multipliers: Sizes, attention: Sizes) -> Pix2PixGenerator:
    """A generator with encoders in proportion."""
    fundus = FundusEncoderConfig(channels=(channels, 2 * channels, 4 * channels))
    maps = SpatialMapConfig(channels=2 * channels)
    shape = Pix2PixConfig(height, width, channels, multipliers, attention_levels=attention, head_width=16)
    return Pix2PixGenerator(replace(shape, fundus=fundus, maps=maps))


SMALL = "6 x 64 x 96"
LARGE = "6 x 128 x 256"
ENTRIES = (
    Entry("U-Net, pixels, small", SMALL, lambda: unet(16, (1, 2, 2), (2,)), denoise(1, 64, 96)),
    Entry("the same, stage 1", SMALL, lambda: unet(16, (1, 2, 2), (2,), slices=False), denoise(1, 64, 96)),
    Entry("U-Net, latents, small", "6 x 4 x 16 x 24", lambda: unet(32, (1, 2), (0, 1), latents=4), denoise(4, 16, 24)),
    Entry("autoencoder f4, small", SMALL, lambda: Autoencoder(AutoencoderConfig((16, 32, 32))), reconstruct(64, 96)),
    Entry("generator, small", SMALL, lambda: pix2pix(64, 96, 16, (1, 2, 4, 4), (2, 3)), translate),
    Entry(
        "discriminator, small", SMALL, lambda: PatchDiscriminator(PatchDiscriminatorConfig(16, levels=2)), judge(64, 96)
    ),
    Entry("U-Net, pixels, large", "6 x 64 x 128", lambda: unet(64, (1, 2, 4, 4), (2, 3)), denoise(1, 64, 128)),
    Entry(
        "U-Net, latents, large",
        "6 x 4 x 32 x 64",
        lambda: unet(128, (1, 2, 3), (1, 2), latents=4),
        denoise(4, 32, 64),
    ),
    Entry("autoencoder f4, large", LARGE, lambda: Autoencoder(AutoencoderConfig((32, 64, 128))), reconstruct(128, 256)),
    Entry("generator, large", LARGE, lambda: pix2pix(128, 256, 32, (1, 2, 4, 8, 8), (3, 4)), translate),
    Entry("discriminator, large", LARGE, lambda: PatchDiscriminator(PatchDiscriminatorConfig(64)), judge(128, 256)),
)


def operations(entry: Entry) -> tuple[int, int]:
    """Parameters, and floating-point operations of the forward pass of one volume."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = entry.make()
        entry.run(network, 1)
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops()


def step_seconds(entry: Entry) -> float:
    """Best of three training steps with two volumes."""
    network = entry.make()

    def step() -> float:
        start = time.perf_counter()
        entry.run(network, 2).square().mean().backward()
        return time.perf_counter() - start

    step()
    return min(step() for _ in range(3))


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| network | volume | parameters | operations a volume | seconds a step |\n|---|---|---|---|---|")
    for entry in ENTRIES:
        parameters, count = operations(entry)
        seconds = f"{step_seconds(entry):.2f}" if count < LARGEST_TIMED else ""
        print(
            f"| {entry.name} | {entry.shape} | {parameters / 1e6:.2f} M | {count / 1e9:.1f} G | {seconds} |", flush=True
        )


if __name__ == "__main__":
    main()
