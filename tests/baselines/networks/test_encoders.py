"""Photograph encoders and the denoiser around them: shapes, guidance's "no photograph", backbones and checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from small_networks import drawn, randomised, without_gradient
from torch import Tensor

from fundus2oct.baselines.networks.backbone_checkpoint import read_backbone_state
from fundus2oct.baselines.networks.denoiser import Denoiser, DenoiserConfig
from fundus2oct.baselines.networks.diffusion import Diffusion, DiffusionConfig, diffusion_loss
from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder, FundusEncoderConfig
from fundus2oct.baselines.networks.photograph_backbone import PhotographBackbone
from fundus2oct.baselines.networks.pseudo3d_unet import PseudoUNetConfig
from fundus2oct.baselines.networks.spatial_map_encoder import SpatialMapConfig, SpatialMapEncoder
from fundus2oct.metrics.errors import BenchError

SMALL = DenoiserConfig(
    unet=PseudoUNetConfig(
        channels=8, multipliers=(1, 2), attention_levels=(1,), head_width=8, context_width=16, map_channels=8
    ),
    fundus=FundusEncoderConfig(channels=(8, 8), side=4),
    maps=SpatialMapConfig(channels=8, across=4, dilations=(1, 2)),
)
FUNDUS, STRIPS = drawn(2, 3, 32, 32).tanh(), drawn(2, 6, 3, 4, 20).tanh()
X, T = drawn(2, 6, 1, 8, 12), torch.tensor([999, 40])


def test_fundus_encoder_gives_a_token_a_place() -> None:
    encoder = FundusEncoder(FundusEncoderConfig(channels=(8, 12), side=7), 10)
    assert encoder(drawn(2, 3, 40, 40)).shape == (2, 49, 10)


def test_a_token_sees_its_part_of_the_photograph_more_than_the_far_corner_does() -> None:
    encoder = randomised(FundusEncoder(FundusEncoderConfig(channels=(8, 8, 8), side=4), 10))
    photograph = drawn(2, 3, 64, 64).tanh()
    changed = photograph.clone()
    changed[:, :, :16, :16] = 1.0
    with torch.no_grad():
        moved = (encoder(changed) - encoder(photograph)).abs().mean(dim=(0, 2)).reshape(4, 4)
    assert float(moved[0, 0]) > 3 * float(moved[3, 3])  # over 40 draws of the weights: 6 to 35


def test_spatial_map_keeps_places_along_the_line_and_lines_apart() -> None:
    encoder = randomised(SpatialMapEncoder(SpatialMapConfig(channels=8, across=4, dilations=())))
    changed = STRIPS.clone()
    changed[:, 2, :, :, 10] += 1
    with torch.no_grad():
        moved = (encoder(changed) - encoder(STRIPS)).abs().amax(dim=(0, 2, 3))
    assert moved.shape == (6, 20)
    assert int(moved[2].argmax()) in range(8, 13)
    assert float(moved[[0, 1, 3, 4, 5]].max()) == 0.0


def test_strip_of_another_height_is_refused() -> None:
    with pytest.raises(ValueError, match=r"strips: expected \(batch, 6, 3, 8, w\), found \(2, 6, 3, 4, 20\)"):
        SpatialMapEncoder(SpatialMapConfig(across=8))(STRIPS)


def test_denoiser_uses_photograph_and_strips() -> None:
    network = randomised(Denoiser(SMALL))
    with torch.no_grad():
        plain = network(X, T, network.encode(FUNDUS, STRIPS))
        other_fundus = network(X, T, network.encode(FUNDUS.flip(-1), STRIPS))
        other_strips = network(X, T, network.encode(FUNDUS, STRIPS.flip(-1)))
    assert plain.shape == X.shape
    assert float((plain - other_fundus).abs().max()) > 1e-3
    assert float((plain - other_strips).abs().max()) > 1e-3


def test_without_photograph_nothing_of_it_is_left() -> None:
    network = randomised(Denoiser(SMALL))
    with torch.no_grad():
        first, second = (
            network(X, T, network.without_photograph(network.encode(f, s)))
            for f, s in ((FUNDUS, STRIPS), (FUNDUS.flip(-1), STRIPS.flip(-1)))
        )
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_some_photographs_are_taken_away_and_others_stay() -> None:
    network = randomised(Denoiser(SMALL))
    full = network.encode(FUNDUS, STRIPS)
    some, none = network.keep_some(full, torch.tensor([True, False])), network.without_photograph(full)
    for part in ("tokens", "maps"):
        kept, whole, empty = (getattr(c, part) for c in (some, full, none))
        assert torch.equal(kept[0], whole[0])
        assert torch.equal(kept[1], empty[1])
        assert not torch.equal(kept[1], whole[1])


def test_every_parameter_learns_when_some_photographs_are_taken_away() -> None:
    network = randomised(Denoiser(SMALL))
    condition = network.keep_some(network.encode(FUNDUS, STRIPS), torch.tensor([True, False]))
    network(X, T, condition).square().mean().backward()
    assert without_gradient(network) == []


def test_denoiser_learns_which_photograph_belongs_to_which_volume() -> None:
    """At the noisiest step the volume cannot be seen: what the network knows of it, it knows from the photograph."""
    torch.manual_seed(0)
    network, diffusion = Denoiser(SMALL), Diffusion(DiffusionConfig())
    volumes = torch.tensor([-0.8, 0.8])[:, None, None, None, None].expand(2, 6, 1, 8, 12)
    fundus = torch.stack([torch.full((3, 32, 32), -0.5), torch.full((3, 32, 32), 0.5)])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for step in range(40):
        condition, noise = network.encode(fundus, STRIPS), drawn(2, 6, 1, 8, 12, seed=step)
        t = torch.tensor([999, 999])
        loss = diffusion_loss(network, volumes, condition, t=t, noise=noise, diffusion=diffusion)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("change", [{"with_context": False}, {"map_channels": 0}])
def test_either_encoder_can_be_left_out(change: dict[str, int]) -> None:
    network = randomised(Denoiser(replace(SMALL, unet=replace(SMALL.unet, **change))))
    condition = network.encode(FUNDUS, STRIPS)
    assert (condition.tokens is None) == ("with_context" in change)
    assert (condition.maps is None) == ("map_channels" in change)
    assert network(X, T, network.without_photograph(condition)).shape == X.shape


def test_map_channels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="map_channels: expected 0 or 8, found 9"):
        Denoiser(replace(SMALL, unet=replace(SMALL.unet, map_channels=9)))


def timm_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names a vision transformer has in timm and RETFound, from torchvision's: the renaming, written backwards."""
    names = {
        "class_token": "cls_token",
        "encoder.pos_embedding": "pos_embed",
        "encoder.ln.weight": "norm.weight",
        "encoder.ln.bias": "norm.bias",
    }
    parts = {
        "conv_proj.": "patch_embed.proj.",
        "encoder.layers.encoder_layer_": "blocks.",
        ".ln_1.": ".norm1.",
        ".ln_2.": ".norm2.",
        ".self_attention.in_proj_": ".attn.qkv.",
        ".self_attention.out_proj.": ".attn.proj.",
        ".mlp.0.": ".mlp.fc1.",
        ".mlp.3.": ".mlp.fc2.",
    }
    renamed = {}
    for name, value in state.items():
        for ours, theirs in parts.items():
            name = name.replace(ours, theirs)
        renamed[names.get(name, name)] = value
    return renamed


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 512), ("mobilenet_v3_small", 576)])
def test_torchvision_networks_serve_as_encoders(name: str, channels: int) -> None:
    backbone = PhotographBackbone(name, frozen=True).train()
    assert backbone.channels == channels
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_frozen_backbone_gives_tokens_and_stays_frozen() -> None:
    encoder = FundusEncoder(FundusEncoderConfig(backbone="resnet18", side=7, frozen=True), 8).train()
    before = encoder.state_dict()["backbone.model.bn1.running_mean"].clone()
    encoder(FUNDUS).sum().backward()
    assert encoder(FUNDUS).shape == (2, 49, 8)
    assert torch.equal(encoder.state_dict()["backbone.model.bn1.running_mean"], before)
    assert encoder.projection.weight.grad is not None


def test_unknown_backbone_is_refused() -> None:
    with pytest.raises(
        ValueError, match="backbone: expected a torchvision classifier such as resnet18, found 'resnet'"
    ):
        PhotographBackbone("resnet", frozen=False)


def test_checkpoint_of_a_vision_transformer_of_timm_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32, "image_size": 224, "patch_size": 56}
    import torchvision

    monkeypatch.setattr(
        torchvision.models, "get_model", lambda name, weights: torchvision.models.VisionTransformer(**small)
    )
    trained, fresh = (PhotographBackbone("vit_b_16", frozen=False) for _ in range(2))
    state = timm_state(trained.model.state_dict())
    decoder = {"decoder_embed.weight": torch.zeros(2, 2), "mask_token": torch.zeros(1), "head.weight": torch.zeros(2)}
    torch.save({"model": state | decoder, "epoch": 3}, tmp_path / "retfound.pth")
    fresh.load(read_backbone_state(tmp_path / "retfound.pth"))
    with torch.no_grad():
        torch.testing.assert_close(fresh(FUNDUS), trained(FUNDUS), rtol=0, atol=0)


def test_features_of_the_vision_transformer_are_those_of_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision's own forward pass hands the class token on; ours hands on the patches of the same sequence."""
    import torchvision

    small = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16, "image_size": 224, "patch_size": 112}
    monkeypatch.setattr(
        torchvision.models, "get_model", lambda name, weights: torchvision.models.VisionTransformer(**small)
    )
    backbone = PhotographBackbone("vit_b_16", frozen=True)
    seen: list[Tensor] = []
    backbone.model.encoder.register_forward_hook(lambda module, inputs, output: seen.append(output))
    picture = drawn(1, 3, 224, 224)
    backbone.model(picture)  # torchvision's own forward pass
    expected = seen[0][:, 1:].transpose(1, 2).reshape(1, 8, 2, 2)
    torch.testing.assert_close(backbone._features(picture), expected, rtol=0, atol=0)


def test_checkpoint_of_safetensors_is_read(tmp_path: Path) -> None:
    backbone = PhotographBackbone("resnet18", frozen=False)
    state = {"module." + name: value for name, value in backbone.model.state_dict().items()}
    state["module.fc.weight"] = torch.zeros(1000, 512)
    safetensors.torch.save_file(state, tmp_path / "weights.safetensors")
    found = read_backbone_state(tmp_path / "weights.safetensors")
    assert found.keys() == backbone.model.state_dict().keys()


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    backbone = PhotographBackbone("resnet18", frozen=False)
    with pytest.raises(BenchError, match=r"E_WEIGHTS: the checkpoint is not one of resnet18 .*tensors do not fit"):
        backbone.load(read_backbone_state(tmp_path / "other.pth"))


def test_damaged_absent_and_executable_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"no weights")
    torch.save({"weight": Path("anything that is not a tensor")}, tmp_path / "executable.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("damaged.safetensors", "executable.pth", "list.pth"):
        with pytest.raises(BenchError, match="E_WEIGHTS: a checkpoint cannot be read"):
            read_backbone_state(tmp_path / name)
    with pytest.raises(BenchError, match="E_MISSING: no checkpoint of a photograph encoder"):
        read_backbone_state(tmp_path / "absent.pth")
