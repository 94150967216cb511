"""`ldm`: an autoencoder that another training has learned."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from fundus2oct.baselines import ldm
from fundus2oct.baselines.ldm_settings import LdmSettings
from fundus2oct.baselines.training.checkpoint import MODEL_FILE
from fundus2oct.baselines.training.eye_tensors import EyeTensors
from fundus2oct.baselines.training.learned_method import profile_settings
from fundus2oct.metrics.errors import BenchError


def eyes_for(settings: LdmSettings) -> EyeTensors:
    """Three eyes of noise."""
    seen, data = settings.conditioning, settings.data

    def noise(*shape: int) -> torch.Tensor:
        return torch.randint(256, (1, 3, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

    strips = noise(6, 3, seen.across, seen.along)
    volume = noise(6, data.height, data.width)
    return EyeTensors(noise(3, seen.fundus_size, seen.fundus_size), strips, volume, volume[:, :0], 0.0)


def test_its_stage_is_left_out_and_the_others_start_with_it(tmp_path: Path) -> None:
    plain = profile_settings(ldm.METHOD, "tiny")
    torch.manual_seed(7)
    known = ldm.make_networks(plain)
    safetensors.torch.save_file(known.state_dict(), tmp_path / MODEL_FILE)
    settings = profile_settings(ldm.METHOD, "tiny", (f"autoencoder_weights={tmp_path}",))
    first, last = ldm.stages(settings)
    assert [stage.name for stage in ldm.stages(plain)] == [ldm.AUTOENCODER, first.name, last.name]
    networks = first.make_task(eyes_for(settings), {}).networks
    assert isinstance(networks, ldm.LdmNetworks)
    for name, tensor in known.autoencoder.named_parameters():
        assert torch.equal(tensor, networks.autoencoder.get_parameter(name))
    assert not torch.equal(networks.autoencoder.latent_scale, known.autoencoder.latent_scale)  # measured on these eyes


def test_an_autoencoder_of_another_shape_is_refused(tmp_path: Path) -> None:
    other = ldm.make_networks(profile_settings(ldm.METHOD, "tiny", ("autoencoder.channels=[8, 16, 24]",)))
    safetensors.torch.save_file(other.state_dict(), tmp_path / MODEL_FILE)
    settings = profile_settings(ldm.METHOD, "tiny", (f"autoencoder_weights={tmp_path}",))
    with pytest.raises(BenchError, match="E_WEIGHTS"):
        ldm.stages(settings)[0].make_task(eyes_for(settings), {})
