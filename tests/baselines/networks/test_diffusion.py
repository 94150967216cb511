"""Schedules and sampling steps against diffusers' schedulers, step by step with the same noise, and closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from fundus2oct.baselines.networks.diffusion import (
    Diffusion,
    DiffusionConfig,
    SamplingConfig,
    cosine_betas,
    diffusion_loss,
    guided,
    linear_betas,
    rescale_to_zero_terminal_snr,
    sample,
)

SHAPE = (2, 6, 1, 4, 5)
STEPS = 20
NAMES = {"cosine": "squaredcos_cap_v2", "linear": "linear", "sqrt-linear": "scaled_linear"}
PREDICTIONS = {"v": "v_prediction", "eps": "epsilon", "x0": "sample"}


def drawn(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def model(x: Tensor, t: Tensor, condition: None) -> Tensor:
    """Stands for a network: some smooth function of volume and time."""
    return torch.tanh(0.7 * x + 0.1) - 0.3 * (t.view(-1, 1, 1, 1, 1) / 1000)


def their_scheduler(name: str, config: DiffusionConfig) -> Any:
    """The scheduler of diffusers with the same settings, or a skip that says why."""
    schedulers = pytest.importorskip("diffusers.schedulers", reason="diffusers (dev extra) is not installed")
    first, last = (8.5e-4, 0.012) if config.betas == "sqrt-linear" else (1e-4, 0.02)
    scheduler = getattr(schedulers, name)(
        num_train_timesteps=config.steps,
        beta_start=first,
        beta_end=last,
        beta_schedule=NAMES[config.betas],
        prediction_type=PREDICTIONS[config.prediction],
        rescale_betas_zero_snr=config.zero_terminal_snr,
        timestep_spacing="trailing",
        clip_sample=config.clip,
    )
    scheduler.set_timesteps(STEPS)
    return scheduler


def relative_difference(mine: Tensor, other: Tensor) -> float:
    """Largest difference in units of the largest value: theirs keep their tables in float32."""
    return float((mine - other).abs().max() / other.abs().max())


CONFIGS = [
    DiffusionConfig(betas="cosine", prediction="v"),
    DiffusionConfig(betas="linear", prediction="v"),
    DiffusionConfig(betas="sqrt-linear", prediction="v", clip=True),
    DiffusionConfig(betas="linear", prediction="eps", zero_terminal_snr=False),
    DiffusionConfig(betas="cosine", prediction="x0"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_ddim_steps_agree_with_diffusers(config: DiffusionConfig, eta: float) -> None:
    ours, theirs = Diffusion(config), their_scheduler("DDIMScheduler", config)
    times = ours.timesteps(STEPS)
    assert times == theirs.timesteps.tolist()
    x = drawn(0)
    for k, (t, t_next) in enumerate(zip(times, [*times[1:], -1], strict=True)):
        prediction, noise = model(x, torch.tensor([t]), None), drawn(k + 1)
        mine = ours.ddim_step(prediction, x, t, t_next, eta=eta, noise=noise)
        other = theirs.step(prediction, t, x, eta=eta, variance_noise=noise, use_clipped_model_output=True).prev_sample
        assert relative_difference(mine, other) < 1e-5
        x = mine


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_ddpm_steps_agree_with_diffusers(config: DiffusionConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = Diffusion(config), their_scheduler("DDPMScheduler", config)
    times = ours.timesteps(STEPS)
    x = drawn(0)
    for k, (t, t_next) in enumerate(zip(times, [*times[1:], -1], strict=True)):
        prediction, noise = model(x, torch.tensor([t]), None), drawn(k + 1)
        mine = ours.ddpm_step(prediction, x, t, t_next, noise=noise)
        monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, noise=noise, **__: noise)
        other = theirs.step(prediction, t, x).prev_sample
        assert relative_difference(mine, other) < 1e-5
        x = mine


def test_noise_and_velocity_agree_with_diffusers() -> None:
    config = DiffusionConfig()
    ours, theirs = Diffusion(config), their_scheduler("DDPMScheduler", config)
    x0, noise, t = drawn(1), drawn(2), torch.tensor([999, 120])
    torch.testing.assert_close(ours.add_noise(x0, noise, t), theirs.add_noise(x0, noise, t), rtol=0, atol=2e-6)
    torch.testing.assert_close(ours.target(x0, noise, t), theirs.get_velocity(x0, noise, t), rtol=0, atol=2e-6)


def test_cosine_schedule_is_the_papers_closed_form() -> None:
    abar = torch.cumprod(1 - cosine_betas(100), dim=0)
    expected = (math.cos((0.3 + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert float(abar[29]) == pytest.approx(expected, abs=1e-12)


def test_rescaled_schedule_starts_as_before_and_ends_in_pure_noise() -> None:
    betas = linear_betas(1000)
    before, after = (torch.cumprod(1 - b, dim=0) for b in (betas, rescale_to_zero_terminal_snr(betas)))
    assert float(before[-1]) > 1e-5
    assert float(after[-1]) == 0.0
    assert float(after[0]) == pytest.approx(float(before[0]), abs=1e-15)
    assert bool((after.diff() < 0).all())


@pytest.mark.parametrize("prediction", ["v", "x0"])
def test_target_says_picture_and_noise_even_at_the_first_and_last_step(prediction: str) -> None:
    diffusion = Diffusion(DiffusionConfig(prediction=prediction))
    x0, noise, t = drawn(1), drawn(2), torch.tensor([999, 700])
    x = diffusion.add_noise(x0, noise, t)
    found_x0, found_noise = diffusion.picture_and_noise(diffusion.target(x0, noise, t), x, t)
    torch.testing.assert_close(found_x0, x0, rtol=0, atol=1e-5)
    torch.testing.assert_close(found_noise, noise, rtol=0, atol=1e-5)
    torch.testing.assert_close(x[0], noise[0])


@pytest.mark.parametrize("method", ["ddim", "ddpm"])
def test_a_perfect_network_is_sampled_back_to_its_picture(method: str) -> None:
    diffusion, picture = Diffusion(DiffusionConfig(prediction="x0")), drawn(3).tanh()
    found = sample(
        lambda x, t, c: picture,
        drawn(4),
        None,
        diffusion=diffusion,
        sampling=SamplingConfig(method=method, steps=7),
        step_noise=lambda k: drawn(10 + k),
    )
    torch.testing.assert_close(found, picture, rtol=0, atol=1e-6)


def test_ancestral_sampling_of_a_known_gaussian_has_its_spread() -> None:
    """For x_0 ~ N(0, s^2) the best prediction is known: sampling with it must give the spread s back."""
    diffusion, s = Diffusion(DiffusionConfig(prediction="x0")), 0.3

    def best(x: Tensor, t: Tensor, _: None) -> Tensor:
        abar = float(diffusion.abar[int(t[0])])
        return x * math.sqrt(abar) * s**2 / (abar * s**2 + 1 - abar)

    noise = torch.randn(20, 1000, generator=torch.Generator().manual_seed(0))
    draws = torch.Generator().manual_seed(1)
    sampling = SamplingConfig(method="ddpm", steps=250)
    found = sample(
        best,
        noise,
        None,
        diffusion=diffusion,
        sampling=sampling,
        step_noise=lambda k: torch.randn(20, 1000, generator=draws),
    )
    assert float(found.std()) == pytest.approx(s, rel=0.03)


def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    noise, diffusion = drawn(0), Diffusion(DiffusionConfig())
    both = sample(model, noise, None, diffusion=diffusion, sampling=SamplingConfig(steps=5))
    alone = sample(model, noise[1:], None, diffusion=diffusion, sampling=SamplingConfig(steps=5))
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=0)


def test_guidance_moves_away_from_the_unconditional_prediction() -> None:
    x, t = drawn(0), torch.tensor([5, 5])
    found = guided(lambda x, t, c: x * c, x, t, 3.0, 1.0, scale=2.0)
    torch.testing.assert_close(found, 5 * x)
    rescaled = guided(lambda x, t, c: x * c, x, t, 3.0, 1.0, scale=2.0, rescale=1.0)
    torch.testing.assert_close(rescaled, 3 * x)


def test_loss_of_a_perfect_prediction_is_zero_and_of_none_is_the_targets_power() -> None:
    diffusion, x0, noise, t = Diffusion(DiffusionConfig()), drawn(1), drawn(2), torch.tensor([10, 900])
    target = diffusion.target(x0, noise, t)
    perfect = diffusion_loss(lambda x, t, c: target, x0, None, t=t, noise=noise, diffusion=diffusion)
    none = diffusion_loss(lambda x, t, c: 0 * x, x0, None, t=t, noise=noise, diffusion=diffusion)
    assert float(perfect) == 0.0
    assert float(none) == pytest.approx(float((target**2).mean()), rel=1e-6)


def test_wrong_settings_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="eps cannot be used with zero_terminal_snr"):
        Diffusion(DiffusionConfig(prediction="eps"))
    with pytest.raises(ValueError, match=r"betas: expected one of cosine, linear, sqrt-linear, found 'square'"):
        Diffusion(DiffusionConfig(betas="square"))
    with pytest.raises(ValueError, match="steps: expected 1 to 1000, found 1001"):
        Diffusion(DiffusionConfig()).timesteps(1001)
    with pytest.raises(ValueError, match="this step is random"):
        Diffusion(DiffusionConfig()).ddpm_step(drawn(0), drawn(1), 500, 400)
