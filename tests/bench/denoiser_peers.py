"""Networks of diffusers that stand beside our denoisers: the same levels and attention, about as many parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fundus2oct.baselines.networks.pseudo3d_unet import PseudoUNetConfig
from fundus2oct.metrics.scan_geometry import N_BSCANS

PEERS = ("UNetMotionModel", "UNet3DConditionModel")
FOR_EACH_FRAME = "UNetMotionModel"
"""Takes the tokens once for each frame; the other repeats them itself."""

BLOCKS = {
    "UNetMotionModel": ("DownBlockMotion", "CrossAttnDownBlockMotion", "UpBlockMotion", "CrossAttnUpBlockMotion"),
    "UNet3DConditionModel": ("DownBlock3D", "CrossAttnDownBlock3D", "UpBlock3D", "CrossAttnUpBlock3D"),
}
"""Down and up, without and with attention to the photograph."""

STEP = 4
"""Widths are multiples of it; it is also the number of groups of a normalisation."""

HEADS = 2


def like_size(name: str, config: PseudoUNetConfig, parameters: int) -> nn.Module:
    """The network of the kind ``name`` whose number of parameters comes nearest.

    Args:
        name: one of `PEERS`.
        config: of our U-Net: channels in and out, levels, attention.
        parameters: how many ours has, encoders included.
    """
    channels, best, gap = STEP, STEP, float("inf")
    while True:
        found = _count(name, config, channels)
        if abs(found - parameters) < gap:
            best, gap = channels, abs(found - parameters)
        if found > parameters:
            return _network(name, config, best)
        channels += STEP


def _count(name: str, config: PseudoUNetConfig, channels: int) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in _network(name, config, channels).parameters())


def _network(name: str, config: PseudoUNetConfig, channels: int) -> nn.Module:
    import diffusers

    levels = range(len(config.multipliers))
    down, down_attention, up, up_attention = BLOCKS[name]
    own: dict[str, Any] = (
        {"num_attention_heads": HEADS, "motion_num_attention_heads": HEADS, "motion_max_seq_length": N_BSCANS}
        if name == "UNetMotionModel"
        else {"attention_head_dim": HEADS}  # this model takes the number of heads under that name
    )
    network = getattr(diffusers, name)(
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        down_block_types=tuple(down_attention if level in config.attention_levels else down for level in levels),
        up_block_types=tuple(up_attention if level in config.attention_levels else up for level in reversed(levels)),
        block_out_channels=tuple(channels * multiplier for multiplier in config.multipliers),
        layers_per_block=config.blocks,
        norm_num_groups=STEP,
        cross_attention_dim=config.context_width,
        **own,
    )
    assert isinstance(network, nn.Module)
    return network
