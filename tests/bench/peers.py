"""What a user would do today, with other people's programs: the extra `peers`, never loaded by the package itself.

cd-fvd brings the common PyTorch port of I3D; its weights come by URL, so the port is loaded with our verified ones,
which are the same network's. pytorch-fid, torchmetrics and scikit-image bring the rest. Every function takes what ours
takes and gives the same number, or says in `measure_peers` why it does not.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import numpy as np
import safetensors.torch
import torch
from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
from numpy.typing import NDArray
from PIL import Image
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy import linalg
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.i3d import BATCH_NORM_EPSILON
from fundus2oct.metrics.i3d_weights import LOGITS, kernel_shapes

Volume = NDArray[np.uint8]
Floats = NDArray[np.float64]

_BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_3/Conv3d_0b_1x1": "b3b",
}


@functools.cache
def i3d(device: str = "cpu", epsilon: float = BATCH_NORM_EPSILON) -> InceptionI3d:
    """cd-fvd's network with the published weights.

    Args:
        device: where it runs.
        epsilon: of batch normalisation; the port's own is 1e-5, the released graph's 1e-3.
    """
    network = InceptionI3d(400, in_channels=3)
    state = network.state_dict()
    state.update(_torch_layout(safetensors.torch.load(weight_registry.read_verified(weight_registry.I3D))))
    network.load_state_dict(state)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eps = epsilon
    return network.eval().to(device)


def _torch_layout(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {}
    for name in kernel_shapes():
        block, _, branch = name.partition("/")
        prefix = "logits" if name == LOGITS else ".".join(part for part in (block, _BRANCHES.get(branch)) if part)
        state[f"{prefix}.conv3d.weight"] = arrays[f"{name}/kernel"].permute(4, 3, 0, 1, 2)
        if name == LOGITS:
            state[f"{prefix}.conv3d.bias"] = arrays[f"{name}/bias"]
        else:
            statistics = {"bias": "bias", "running_mean": "mean", "running_var": "var"}
            state |= {f"{prefix}.bn.{theirs}": arrays[f"{name}/{ours}"] for theirs, ours in statistics.items()}
    return state


def decode(paths: Sequence[str]) -> Volume:
    """Six pictures by Pillow, unchecked."""
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def clip(volume: Volume) -> Tensor:
    """Our protocol in torch's own words: (3, 16, 224, 224) in [-1, 1]."""
    planes = functional.interpolate(torch.from_numpy(volume)[:, None].float(), (224, 224), mode="bilinear")
    frames = functional.interpolate(planes[:, 0][None, None], (16, 224, 224), mode="trilinear", align_corners=True)[0]
    return (frames / 127.5 - 1).repeat(3, 1, 1, 1)


def i3d_features(clips: Tensor, *, device: str = "cpu") -> NDArray[np.float32]:
    """(n, 3, 16, 224, 224) -> (n, 400)."""
    with torch.no_grad():
        features: NDArray[np.float32] = i3d(device)(clips.to(device)).cpu().numpy()
    return features


def frechet_by_pytorch_fid(a: Floats, b: Floats) -> float:
    """Its own function. It raises where the square root has an imaginary part, and on scipy 1.18 for another reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # sqrtm(disp=...), gone in scipy 1.18
        return float(
            calculate_frechet_distance(a.mean(axis=0), np.cov(a, rowvar=False), b.mean(axis=0), np.cov(b, rowvar=False))
        )


def frechet_by_square_root(a: Floats, b: Floats) -> float:
    """By scipy.linalg.sqrtm of the product of the covariances, its real part as in cd-fvd, whose divisor is N."""
    covariances = [np.cov(features, rowvar=False) for features in (a, b)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    between = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(between + np.trace(covariances[0] + covariances[1] - 2 * np.real(root)))


def frechet_by_eigenvalues(a: Floats, b: Floats) -> float:
    """The distance of torchmetrics: eigenvalues of the product of the covariances."""
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return float(_compute_fid(x.mean(dim=0), x.T.cov(), y.mean(dim=0), y.T.cov()))


def kernel_distance(a: Floats, b: Floats) -> float:
    """The unbiased kernel distance of torchmetrics, on all samples."""
    return float(poly_mmd(torch.from_numpy(a), torch.from_numpy(b)))


def ssim_by_scikit_image(truth: Volume, generated: Volume) -> Floats:
    """With the settings of Wang et al. (2004), the border cut off."""
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    maps = [structural_similarity(x, y, full=True, **settings)[1] for x, y in zip(truth, generated, strict=True)]
    return np.array([values[5:-5, 5:-5].mean() for values in maps])


def ssim_by_torchmetrics(truth: Volume, generated: Volume, dtype: torch.dtype = torch.float32) -> Floats:
    """With its defaults but for the range."""
    x, y = (torch.from_numpy(volume)[:, None].to(dtype) for volume in (generated, truth))
    return np.asarray(structural_similarity_index_measure(x, y, data_range=255.0, reduction="none"), np.float64)


def ms_ssim_by_torchmetrics(truth: Volume, generated: Volume, dtype: torch.dtype = torch.float32) -> Floats:
    """With its defaults but for the range."""
    x, y = (torch.from_numpy(volume)[:, None].to(dtype) for volume in (generated, truth))
    values = multiscale_structural_similarity_index_measure(x, y, data_range=255.0, reduction="none")
    return np.asarray(values, np.float64)


def psnr_by_scikit_image(truth: Volume, generated: Volume) -> Floats:
    """B-scan by B-scan."""
    return np.array([peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(truth, generated, strict=True)])
