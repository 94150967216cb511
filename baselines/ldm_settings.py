"""The settings of `ldm`: shapes of its networks, and the parts of the budget that its stages take."""

from __future__ import annotations

from dataclasses import dataclass, field

from fundus2oct.baselines.networks.autoencoder import AutoencoderConfig
from fundus2oct.baselines.networks.conditioning import ConditioningConfig
from fundus2oct.baselines.networks.denoiser import DenoiserConfig
from fundus2oct.baselines.networks.diffusion import DiffusionConfig, SamplingConfig
from fundus2oct.baselines.networks.pix2pix3d import PatchDiscriminatorConfig
from fundus2oct.baselines.training.train_settings import DataSettings, TrainSettings, check_condition
from fundus2oct.metrics.scan_geometry import N_BSCANS


@dataclass(frozen=True, kw_only=True)
class LdmShares:
    """Parts of the budget that the stages take; ``slices`` may be 0: the last stage then starts from nothing."""

    autoencoder: float = 0.3
    slices: float = 0.3
    volumes: float = 0.4

    def __post_init__(self) -> None:
        """ValueError where the parts do not make a whole."""
        parts = (self.autoencoder, self.slices, self.volumes)
        if abs(sum(parts) - 1) > 1e-6 or min(parts) < 0 or 0 in (self.autoencoder, self.volumes):
            raise ValueError(f"shares: expected parts that add up to 1, found {parts}")


@dataclass(frozen=True, kw_only=True)
class LdmSettings:
    """Settings of `ldm`.

    Attributes:
        data, conditioning, train: as for every learned method.
        shares: the stages' parts of the budget.
        autoencoder: shape of the autoencoder; its channels of the latent are those of the denoiser.
        autoencoder_weights: folder of a trained `ldm` whose autoencoder is taken over; its stage is left out then, and
            the other stages keep their own parts of the budget. Empty trains one.
        kl_weight: weight of the divergence in the autoencoder's loss.
        adversarial_weight: weight of the adversarial term in it; 0 trains no discriminator.
        discriminator: shape of that discriminator; it sees no photograph.
        denoiser: shape of the networks of `volumes`; `slices` has those parts of it that need no photograph.
        diffusion: noise schedule.
        sampling: how latents are drawn.
        standardised: whether diffusion works on the difference to the mean training latents, place by place, in units
            of its standard deviation; what is common to all eyes need not be learned then.
        drawn_pixels: whether pixels are drawn from the decoder's distribution (`baselines.networks.pixel_noise`); else
            they are its mean, which has no speckle where no discriminator asks for it.
        photograph_dropped: chance that training takes the photograph away, for guidance.
        encoder_weights: checkpoint of the fundus encoder's backbone; empty for none.
    """

    data: DataSettings
    train: TrainSettings
    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    shares: LdmShares = field(default_factory=LdmShares)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    autoencoder_weights: str = ""
    kl_weight: float = 1e-6
    adversarial_weight: float = 0.0
    discriminator: PatchDiscriminatorConfig = field(default_factory=PatchDiscriminatorConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    standardised: bool = False
    drawn_pixels: bool = False
    photograph_dropped: float = 0.1
    encoder_weights: str = ""

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit together."""
        check_condition(self.conditioning, self.denoiser)
        if self.standardised and self.diffusion.clip:
            raise ValueError("diffusion.clip: expected false with standardised latents, which have no fixed range")
        self.data.check_divisible(self.autoencoder.factor * 2 ** (len(self.denoiser.unet.multipliers) - 1))

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """Of one eye: (6, channels, h, w)."""
        factor = self.autoencoder.factor
        return N_BSCANS, self.autoencoder.latent_channels, self.data.height // factor, self.data.width // factor
