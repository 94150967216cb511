"""The autoencoder of single B-scans: shapes, its loss in closed form, the measured scale, and that it can learn."""

from __future__ import annotations

import pytest
import torch
from small_networks import drawn, randomised, without_gradient

from fundus2oct.baselines.networks.autoencoder import Autoencoder, AutoencoderConfig, Posterior, autoencoder_loss

SMALL = AutoencoderConfig(channels=(4, 8, 8), latent_channels=3)
X = drawn(2, 6, 1, 16, 24).tanh()


@pytest.mark.parametrize(
    ("channels", "patch", "factor"), [((4, 8, 8), 1, 4), ((4, 8, 8, 8), 1, 8), ((4, 8), 2, 4), ((8,), 4, 4)]
)
def test_latents_are_smaller_by_the_factor(channels: tuple[int, ...], patch: int, factor: int) -> None:
    network = Autoencoder(AutoencoderConfig(channels=channels, latent_channels=3, patch=patch))
    reconstruction, posterior = network(X)
    assert network.config.factor == factor
    assert posterior.mean.shape == posterior.log_variance.shape == (2, 6, 3, 16 // factor, 24 // factor)
    assert reconstruction.shape == X.shape


def test_b_scans_are_coded_one_by_one() -> None:
    network = randomised(Autoencoder(SMALL))
    with torch.no_grad():
        together, alone = network.encode(X).mean, network.encode(X[:, 2:3]).mean
    torch.testing.assert_close(together[:, 2:3], alone, rtol=1e-5, atol=1e-5)


def test_divergence_is_that_of_torch() -> None:
    posterior = Posterior(drawn(2, 6, 3, 4, 5, seed=1), drawn(2, 6, 3, 4, 5, seed=2))
    q = torch.distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(posterior.divergence(), expected, rtol=1e-5, atol=1e-5)


def test_drawn_latents_have_the_posteriors_mean_and_spread() -> None:
    posterior = Posterior(torch.full((1, 1, 1, 200, 200), 2.0), torch.full((1, 1, 1, 200, 200), -1.0))
    z = posterior.draw(drawn(1, 1, 1, 200, 200))
    assert float(z.mean()) == pytest.approx(2.0, abs=0.02)
    assert float(z.var()) == pytest.approx(0.3679, rel=0.03)


def test_measured_latents_have_unit_scale_and_come_back() -> None:
    network = randomised(Autoencoder(SMALL))
    batches = [drawn(2, 6, 1, 16, 24, seed=seed).tanh() for seed in range(3)]
    network.measure_latents(batches)
    with torch.no_grad():
        latents = [network.encode(x).draw(drawn(2, 6, 3, 4, 6, seed=9 + i)) for i, x in enumerate(batches)]
        unit = network.to_unit(torch.cat(latents))
    assert not torch.equal(network.latent_scale, torch.ones(3, 1, 1))
    torch.testing.assert_close(unit.mean(dim=(0, 1, 3, 4)), torch.zeros(3), rtol=0, atol=0.1)
    torch.testing.assert_close(unit.std(dim=(0, 1, 3, 4)), torch.ones(3), rtol=0, atol=0.1)
    torch.testing.assert_close(network.from_unit(unit), torch.cat(latents), rtol=1e-4, atol=1e-4)


def test_scale_travels_with_the_weights() -> None:
    network, other = randomised(Autoencoder(SMALL)), Autoencoder(SMALL)
    network.measure_latents([X])
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.latent_scale, network.latent_scale)


def test_loss_is_the_sum_of_its_parts() -> None:
    posterior = Posterior(torch.ones(2, 6, 3, 4, 6), torch.zeros(2, 6, 3, 4, 6))
    losses = autoencoder_loss(
        X, X + 0.25, posterior, kl_weight=2.0, adversarial=torch.tensor(3.0), adversarial_weight=0.5
    )
    divergence = 0.5 * 3 / 16  # half a nat for each of three latent values per sixteen pixels
    assert float(losses["l1"]) == pytest.approx(0.25)
    assert float(losses["kl"]) == pytest.approx(divergence)
    assert float(losses["loss"]) == pytest.approx(0.25 + 2 * divergence + 0.5 * 3, rel=1e-6)


def test_a_few_steps_of_training_bring_the_loss_down() -> None:
    torch.manual_seed(0)
    network = Autoencoder(SMALL)
    rows = torch.linspace(-1, 1, 16)[:, None].expand(16, 24)
    x = torch.stack([rows.roll(shift, 0) for shift in range(6)])[None, :, None]
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for step in range(40):
        reconstruction, posterior = network(x, drawn(1, 6, 3, 4, 6, seed=step))
        loss = autoencoder_loss(x, reconstruction, posterior)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert without_gradient(network) == []


def test_wrong_shape_is_refused_with_what_was_found() -> None:
    with pytest.raises(ValueError, match=r"h and w divisible by 4, found \(2, 6, 1, 18, 24\)"):
        Autoencoder(SMALL).encode(torch.zeros(2, 6, 1, 18, 24))
    with pytest.raises(ValueError, match="at least one batch"):
        Autoencoder(SMALL).measure_latents([])
