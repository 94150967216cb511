"""Diffusion: noise schedules, what a network predicts, and the steps of sampling. Knows no network and draws no noise.

Forward process q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I) of Ho et al., "Denoising diffusion probabilistic
models", NeurIPS 2020 (DDPM); deterministic and partly noisy steps of Song et al., "Denoising diffusion implicit
models", ICLR 2021 (DDIM); velocity of Salimans and Ho, "Progressive distillation", ICLR 2022; zero terminal
signal-to-noise ratio and trailing time steps of Lin et al., "Common diffusion noise schedules and sample steps are
flawed", WACV 2024; guidance of Ho and Salimans, "Classifier-free diffusion guidance", 2022. Names follow the papers:
abar is the product of the alphas, eps the noise, v = sqrt(abar) eps - sqrt(1 - abar) x_0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)

MAX_BETA = 0.999
"""Nichol and Dhariwal, ICML 2021, section 3.2."""


class Predictor(Protocol[C_contra]):
    """Anything that predicts from a noisy volume, a time step each and a condition."""

    def __call__(self, x: Tensor, t: Tensor, condition: C_contra, /) -> Tensor: ...


@dataclass(frozen=True)
class DiffusionConfig:
    """A noise schedule and what the network predicts.

    Attributes:
        steps: T, time steps of the forward process.
        betas: "cosine" (Nichol and Dhariwal 2021), "linear" (Ho et al. 2020) or "sqrt-linear" (Rombach et al. 2022).
        zero_terminal_snr: rescale the schedule so that the last step is pure noise (Lin et al. 2024, algorithm 1).
        prediction: "v", "eps" or "x0". "eps" says nothing at a signal-to-noise ratio of zero and is refused with it.
        clip: clip the predicted picture to [-1, 1] while sampling; for pixels, not for latents.
    """

    steps: int = 1000
    betas: str = "cosine"
    zero_terminal_snr: bool = True
    prediction: str = "v"
    clip: bool = False


@dataclass(frozen=True)
class SamplingConfig:
    """How to sample.

    Attributes:
        method: "ddim" or "ddpm" (ancestral).
        steps: network evaluations (twice as many with guidance).
        eta: noise of a DDIM step; 0 is deterministic, 1 as noisy as ancestral sampling.
        guidance: weight of the photograph; 1 is without guidance, above 1 exaggerates what the photograph says.
        guidance_rescale: part of the prediction's standard deviation that is put back after guidance (Lin et al. 2024,
            section 3.4); 0 leaves it.
    """

    method: str = "ddim"
    steps: int = 50
    eta: float = 0.0
    guidance: float = 1.0
    guidance_rescale: float = 0.0


def cosine_betas(steps: int, *, offset: float = 0.008) -> Tensor:
    """(steps,) float64: abar_t = f(t) / f(0), f(t) = cos^2((t / T + s) / (1 + s) pi / 2) (Nichol and Dhariwal)."""
    f = [math.cos((t / steps + offset) / (1 + offset) * math.pi / 2) ** 2 for t in range(steps + 1)]
    return torch.tensor([min(1 - f[t + 1] / f[t], MAX_BETA) for t in range(steps)], dtype=torch.float64)


def linear_betas(steps: int, *, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """(steps,) float64, evenly spaced (Ho et al. 2020, section 4)."""
    return torch.linspace(first, last, steps, dtype=torch.float64)


def sqrt_linear_betas(steps: int, *, first: float = 8.5e-4, last: float = 0.012) -> Tensor:
    """(steps,) float64, with evenly spaced square roots (latent diffusion, Rombach et al. 2022)."""
    return torch.linspace(math.sqrt(first), math.sqrt(last), steps, dtype=torch.float64) ** 2


def rescale_to_zero_terminal_snr(betas: Tensor) -> Tensor:
    """Shift and stretch sqrt(abar) so that its last value is 0 and its first one stays (Lin et al. 2024, algorithm 1).

    Args:
        betas: (steps,) float64.

    Returns:
        (steps,) float64; the last one is 1.
    """
    root = torch.cumprod(1 - betas, dim=0).sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    abar = root**2
    return 1 - torch.cat([abar[:1], abar[1:] / abar[:-1]])


BETAS: dict[str, Callable[[int], Tensor]] = {
    "cosine": cosine_betas,
    "linear": linear_betas,
    "sqrt-linear": sqrt_linear_betas,
}


class Diffusion:
    """A noise schedule: adds noise, turns predictions into pictures, makes sampling steps.

    Attributes:
        abar: (T,) float64 on the CPU. Sampling beyond the first step sees abar = 1.
    """

    def __init__(self, config: DiffusionConfig) -> None:
        if config.betas not in BETAS:
            raise ValueError(f"betas: expected one of {', '.join(BETAS)}, found {config.betas!r}")
        if config.prediction not in ("v", "eps", "x0"):
            raise ValueError(f"prediction: expected v, eps or x0, found {config.prediction!r}")
        if config.prediction == "eps" and config.zero_terminal_snr:
            raise ValueError("prediction: eps cannot be used with zero_terminal_snr; choose v or x0")
        self.config = config
        betas = BETAS[config.betas](config.steps)
        betas = rescale_to_zero_terminal_snr(betas) if config.zero_terminal_snr else betas
        self.abar = torch.cumprod(1 - betas, dim=0)

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t of equation 4 of Ho et al. x0, noise: (batch, ...); t: (batch,) int64. Returns the shape of x0."""
        signal, spread = self._signal_and_spread(t, x0)
        return signal * x0 + spread * noise

    def target(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the network is to predict at x_t; the shape of x0."""
        signal, spread = self._signal_and_spread(t, x0)
        return {"v": signal * noise - spread * x0, "eps": noise, "x0": x0}[self.config.prediction]

    def picture_and_noise(self, prediction: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The picture x_0 and the noise eps that a prediction at x_t means. Each has the shape of x.

        With `clip`, x_0 is clipped to [-1, 1] and eps is the noise that leads from the clipped picture to x_t.
        """
        signal, spread = self._signal_and_spread(t, x)
        if self.config.prediction == "v":
            x0, eps = signal * x - spread * prediction, signal * prediction + spread * x
        elif self.config.prediction == "eps":
            x0, eps = (x - spread * prediction) / signal, prediction
        else:
            x0, eps = prediction, (x - signal * prediction) / spread
        if self.config.clip:
            x0 = x0.clamp(-1, 1)
            eps = (x - signal * x0) / spread
        return x0, eps

    def _signal_and_spread(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), computed in float64, shaped (batch, 1, ...) and typed as `like`."""
        abar = self.abar[t.cpu()].view(-1, *[1] * (like.ndim - 1))
        return abar.sqrt().to(like), (1 - abar).sqrt().to(like)

    def timesteps(self, steps: int) -> list[int]:
        """Trailing time steps, from T - 1 down: always from pure noise (Lin et al. 2024, section 3.3).

        >>> Diffusion(DiffusionConfig()).timesteps(4)
        [999, 749, 499, 249]
        """
        total = self.config.steps
        if not 1 <= steps <= total:
            raise ValueError(f"steps: expected 1 to {total}, found {steps}")
        return [round(total - i * total / steps) - 1 for i in range(steps)]

    def ddim_step(
        self, prediction: Tensor, x: Tensor, t: int, t_next: int, *, eta: float = 0.0, noise: Tensor | None = None
    ) -> Tensor:
        """From x_t to the less noisy x at t_next (equation 12 of Song et al.).

        Args:
            prediction: of the network at x, shape of x.
            x: (batch, ...) float32.
            t: the time step of x.
            t_next: the next one, below t; -1 is the picture itself.
            eta: 0..1; 0 is deterministic.
            noise: standard normal, shape of x; needed when eta is above 0.
        """
        x0, eps = self._picture_and_noise_at(prediction, x, t)
        now, then = self._abar(t), self._abar(t_next)
        sigma = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
        stepped = math.sqrt(then) * x0 + math.sqrt(max(1 - then - sigma**2, 0.0)) * eps
        return stepped if sigma == 0 else stepped + sigma * _needed(noise)

    def ddpm_step(self, prediction: Tensor, x: Tensor, t: int, t_next: int, *, noise: Tensor | None = None) -> Tensor:
        """Ancestral step from x_t to t_next: a draw of the posterior (equations 6, 7 of Ho et al., small variance).

        Arguments are those of `ddim_step`; the last step, to -1, adds no noise.
        """
        x0, _ = self._picture_and_noise_at(prediction, x, t)
        now, then = self._abar(t), self._abar(t_next)
        alpha = now / then
        mean = math.sqrt(then) * (1 - alpha) / (1 - now) * x0 + math.sqrt(alpha) * (1 - then) / (1 - now) * x
        sigma = math.sqrt((1 - then) / (1 - now) * (1 - alpha))
        return mean if sigma == 0 else mean + sigma * _needed(noise)

    def _picture_and_noise_at(self, prediction: Tensor, x: Tensor, t: int) -> tuple[Tensor, Tensor]:
        return self.picture_and_noise(prediction, x, torch.full((len(x),), t))

    def _abar(self, t: int) -> float:
        return float(self.abar[t]) if t >= 0 else 1.0


def _needed(noise: Tensor | None) -> Tensor:
    if noise is None:
        raise ValueError("noise: this step is random, so it needs standard normal noise of the shape of x")
    return noise


def diffusion_loss(
    model: Predictor[C], x0: Tensor, condition: C, *, t: Tensor, noise: Tensor, diffusion: Diffusion
) -> Tensor:
    """Mean squared error of the prediction (L_simple, equation 14 of Ho et al.).

    Args:
        model: the network.
        x0: (batch, ...) clean volumes.
        condition: handed to the network as it is.
        t: (batch,) int64 time steps, 0..T-1.
        noise: standard normal, shape of x0.
        diffusion: the schedule.

    Returns:
        A scalar in float32.
    """
    prediction = model(diffusion.add_noise(x0, noise, t), t, condition)
    return functional.mse_loss(prediction.float(), diffusion.target(x0, noise, t).float())


def guided(
    model: Predictor[C], x: Tensor, t: Tensor, condition: C, null: C, *, scale: float, rescale: float = 0.0
) -> Tensor:
    """Classifier-free guidance: null + scale * (conditional - null) (Ho and Salimans 2022; their w is scale - 1).

    Args:
        model: the network.
        x: (batch, ...) noisy volumes.
        t: (batch,) time steps.
        condition: what the photograph tells.
        null: what stands for no photograph.
        scale: 1 is the conditional prediction alone, and costs one evaluation.
        rescale: 0..1, part of the conditional prediction's standard deviation put back (Lin et al. 2024, section 3.4).
    """
    conditional = model(x, t, condition).float()
    if scale == 1:
        return conditional
    without = model(x, t, null).float()
    mixed = without + scale * (conditional - without)
    if rescale == 0:
        return mixed
    axes = tuple(range(1, x.ndim))
    matched = mixed * (conditional.std(axes, keepdim=True) / mixed.std(axes, keepdim=True))
    return rescale * matched + (1 - rescale) * mixed


@torch.no_grad()
def sample(
    model: Predictor[C],
    noise: Tensor,
    condition: C,
    *,
    diffusion: Diffusion,
    sampling: SamplingConfig,
    null: C | None = None,
    step_noise: Callable[[int], Tensor] | None = None,
) -> Tensor:
    """Draw volumes from noise.

    Args:
        model: the network.
        noise: (batch, ...) float32 standard normal: where sampling starts. Make it by `case_noise`.
        condition: what the photographs tell.
        diffusion: the schedule the network was trained with.
        sampling: method, steps, guidance.
        null: what stands for no photograph; needed when guidance is not 1.
        step_noise: k to the standard normal noise of step k = 1, 2, ..., shape of `noise`; needed for "ddpm" and for
            eta above 0.

    Returns:
        (batch, ...) float32: the volumes or latents.
    """
    if sampling.method not in ("ddim", "ddpm"):
        raise ValueError(f"method: expected ddim or ddpm, found {sampling.method!r}")
    if sampling.guidance != 1 and null is None:
        raise ValueError("null: guidance needs what stands for no photograph")
    times = diffusion.timesteps(sampling.steps)
    x = noise
    for k, (t, t_next) in enumerate(zip(times, [*times[1:], -1], strict=True), start=1):
        batch_t = torch.full((len(x),), t, device=x.device)
        if null is None or sampling.guidance == 1:
            prediction = model(x, batch_t, condition).float()
        else:
            prediction = guided(
                model, x, batch_t, condition, null, scale=sampling.guidance, rescale=sampling.guidance_rescale
            )
        extra = step_noise(k).to(x) if step_noise is not None and t_next >= 0 else None
        if sampling.method == "ddpm":
            x = diffusion.ddpm_step(prediction, x, t, t_next, noise=extra)
        else:
            x = diffusion.ddim_step(prediction, x, t, t_next, eta=sampling.eta, noise=extra)
    return x
