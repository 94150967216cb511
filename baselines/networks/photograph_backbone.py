"""A torchvision network as a feature extractor for photographs: its architecture by name, its weights never fetched.

Convolutional networks (resnet50, convnext_tiny, efficientnet_b0, ...) and vision transformers (vit_l_16, the
architecture of RETFound) are understood. Files are read by `backbone_checkpoint`.
"""

from __future__ import annotations

from typing import Final

import torch
import torchvision  # type: ignore[import-untyped]  # torchvision ships no types
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.metrics.errors import BenchError

SIDE: Final = 224
MEAN: Final = (0.485, 0.456, 0.406)
STANDARD_DEVIATION: Final = (0.229, 0.224, 0.225)
"""Of ImageNet's colours, as torchvision's and RETFound's pre-processing use them."""

_HEADS: Final = ("fc", "classifier", "heads")


class PhotographBackbone(nn.Module):
    """The features of a torchvision network.

    Attributes:
        model: the network without its classifier, under torchvision's names.
        channels: of the features.
    """

    mean: Tensor
    standard_deviation: Tensor

    def __init__(self, name: str, *, frozen: bool) -> None:
        super().__init__()
        if name not in torchvision.models.list_models(module=torchvision.models):
            raise ValueError(f"backbone: expected a torchvision classifier such as resnet18, found {name!r}")
        self.name, self.frozen = name, frozen
        self.model = torchvision.models.get_model(name, weights=None)
        for head in _HEADS:
            if hasattr(self.model, head):
                setattr(self.model, head, nn.Identity())
        for key, values in (("mean", MEAN), ("standard_deviation", STANDARD_DEVIATION)):
            self.register_buffer(key, torch.tensor(values)[:, None, None], persistent=False)
        self.requires_grad_(not frozen)
        self.eval()  # a look at the features must not move batch statistics
        with torch.no_grad():
            self.channels = self._features(torch.zeros(1, 3, SIDE, SIDE)).shape[1]
        self.train()

    def train(self, mode: bool = True) -> PhotographBackbone:
        """A frozen backbone always evaluates: its batch statistics stay as they were learned."""
        return super().train(mode and not self.frozen)

    def forward(self, fundus: Tensor) -> Tensor:
        """(n, 3, any, any) in [-1, 1] to (n, channels, h, w)."""
        picture = functional.interpolate(fundus, size=(SIDE, SIDE), mode="bilinear", antialias=True)
        return self._features(((picture + 1) / 2 - self.mean) / self.standard_deviation)

    def _features(self, picture: Tensor) -> Tensor:
        if isinstance(self.model, torchvision.models.VisionTransformer):
            return _transformer_features(self.model, picture)
        if isinstance(self.model, torchvision.models.ResNet):
            return _residual_features(self.model, picture)
        if hasattr(self.model, "features"):
            return torch.as_tensor(self.model.features(picture))
        raise ValueError(f"backbone: no features are known of {self.name}; use a ResNet, ConvNeXt or ViT")

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over pre-trained weights; every tensor of the network must be there, and none beyond.

        Raises:
            BenchError: E_WEIGHTS with the first name that does not fit.
        """
        own = self.model.state_dict()
        wrong = [
            n for n in own.keys() | state.keys() if n not in own or n not in state or own[n].shape != state[n].shape
        ]
        if wrong:
            first = min(wrong)
            expected, found = (str(tuple(s[first].shape)) if first in s else "no such tensor" for s in (own, state))
            raise BenchError(
                "E_WEIGHTS",
                f"the checkpoint is not one of {self.name}",
                where=first,
                expected=expected,
                found=f"{found} ({len(wrong)} tensors do not fit)",
                fix="name the architecture the checkpoint was made with",
            )
        self.model.load_state_dict(state)


def _transformer_features(model: torchvision.models.VisionTransformer, picture: Tensor) -> Tensor:
    """The patches' tokens as a picture; the class token is left out."""
    patches = model.conv_proj(picture)
    tokens = torch.cat([model.class_token.expand(len(picture), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
    return torch.as_tensor(model.encoder(tokens))[:, 1:].transpose(1, 2).reshape(patches.shape)


def _residual_features(model: torchvision.models.ResNet, picture: Tensor) -> Tensor:
    x = model.maxpool(model.relu(model.bn1(model.conv1(picture))))
    return torch.as_tensor(model.layer4(model.layer3(model.layer2(model.layer1(x)))))
