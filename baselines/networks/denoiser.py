"""The conditional denoiser of pixel and latent diffusion: photograph encoders and the pseudo-3D U-Net as one module.

The photograph is encoded once per eye and used at every sampling step. For classifier-free guidance (Ho and Salimans
2022) a learned token and maps of zeros stand for "no photograph".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder, FundusEncoderConfig
from fundus2oct.baselines.networks.pseudo3d_unet import Condition, PseudoUNet, PseudoUNetConfig
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig, SpatialMapEncoder


@dataclass(frozen=True)
class DenoiserConfig:
    """The shape of a `Denoiser`.

    Attributes:
        unet: `with_context` and `map_channels` switch the encoders on; `map_channels` must be that of `maps`.
        fundus: the fundus encoder.
        maps: the spatial-map encoder.
    """

    unet: PseudoUNetConfig = field(default_factory=PseudoUNetConfig)
    fundus: FundusEncoderConfig = field(default_factory=FundusEncoderConfig)
    maps: SpatialMapConfig = field(default_factory=SpatialMapConfig)


class Denoiser(nn.Module):
    """Noisy volume, time and photograph to a prediction; `unet` alone is what `load_stage1` starts from."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        unet = config.unet
        if unet.map_channels not in (0, config.maps.channels):
            raise ValueError(f"map_channels: expected 0 or {config.maps.channels}, found {unet.map_channels}")
        self.config = config
        self.unet = PseudoUNet(unet)
        self.fundus_encoder = FundusEncoder(config.fundus, unet.context_width) if unet.with_context else None
        self.map_encoder = SpatialMapEncoder(config.maps) if unet.map_channels else None
        self.null_token = nn.Parameter(0.02 * torch.randn(1, 1, unet.context_width)) if unet.with_context else None

    def encode(self, fundus: Tensor, strips: Tensor) -> Condition:
        """What photographs tell.

        Args:
            fundus: (batch, 3, S, S) float32 in [-1, 1].
            strips: (batch, 6, 3, across, w) float32 in [-1, 1].
        """
        tokens = None if self.fundus_encoder is None else self.fundus_encoder(fundus)
        return Condition(tokens, None if self.map_encoder is None else self.map_encoder(strips))

    def without_photograph(self, condition: Condition) -> Condition:
        """What stands for no photograph, in the shape of a condition."""
        keep = torch.zeros(_batch(condition), dtype=torch.bool)
        return self.keep_some(condition, keep)

    def keep_some(self, condition: Condition, keep: Tensor) -> Condition:
        """The condition with some photographs taken away, as training for guidance does with one in ten.

        Args:
            condition: of a batch.
            keep: (batch,) bool; False takes the photograph away.
        """
        tokens, maps = condition.tokens, condition.maps
        if tokens is not None and self.null_token is not None:
            tokens = torch.where(keep.to(tokens.device)[:, None, None], tokens, self.null_token.to(tokens.dtype))
        if maps is not None:
            maps = torch.where(keep.to(maps.device)[:, None, None, None, None], maps, torch.zeros_like(maps))
        return Condition(tokens, maps)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """As `PseudoUNet.forward`."""
        return torch.as_tensor(self.unet(x, t, condition))


def _batch(condition: Condition) -> int:
    given = condition.tokens if condition.tokens is not None else condition.maps
    return 0 if given is None else len(given)
