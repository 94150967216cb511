"""The reference generators that `bench train` can fit: one entry each, and nothing heavy is loaded to read it.

An entry names a module with two functions::

    fit(training, folder, *, seed, show, ...) -> dict[str, float]      # writes weights, returns what it learned
    make_generator(*, device, folder) -> Generator                     # an entry point in setup.cfg

Settings of its own are declared here: they become options of the command and keyword arguments of `fit`, and are
saved with the fit.

A learned method trains in steps instead: its module has ``METHOD``, a `training.learned_method.LearnedMethod`, in the
place of ``fit``, and its settings come from the profiles in `baselines/profiles/`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from fundus2oct.metrics.errors import BenchError, ExitCode


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One number or word that a method's `fit` takes beside the common arguments.

    Attributes:
        name: keyword argument of `fit`; the option is the same with dashes.
        default: its value when not given; its type is the option's type.
        help: what it does, in one line.
    """

    name: str
    default: int | float | str
    help: str


@dataclass(frozen=True, kw_only=True)
class Method:
    """One reference generator.

    Attributes:
        name: its name in commands, as an entry point, and on the board.
        module: where it lives.
        kind: "trivial" (shown in order) or "baseline" (ranked).
        title: its name for readers.
        description: a paragraph for readers of the board.
        settings: what its fit takes beside the common arguments.
        profiles: names of its shipped profiles; empty for a method that is fitted at once.
        takes_unpaired: whether it also learns from B-scans that have no photograph.
    """

    name: str
    module: str
    kind: str
    title: str
    description: str
    settings: tuple[Setting, ...] = ()
    profiles: tuple[str, ...] = ()
    takes_unpaired: bool = False


PROFILES = ("tiny", "demo", "gpu", "as_published")
"""For tests; two minutes on two cores; eight minutes on one large GPU; the published configuration, for reading."""

METHODS = (
    Method(
        name="constant",
        module="fundus2oct.baselines.constant",
        kind="trivial",
        title="Constant grey",
        description="Every pixel is the mean grey level of the training volumes. The floor of every metric.",
    ),
    Method(
        name="mean-volume",
        module="fundus2oct.baselines.mean_volume",
        kind="trivial",
        title="Mean training volume",
        description="The mean of the training volumes, for each B-scan position and eye side: what can be said about "
        "an eye without looking at it.",
    ),
    Method(
        name="random-train",
        module="fundus2oct.baselines.random_train",
        kind="trivial",
        title="Random training volume",
        description="A real training volume of the same side, drawn at random: real texture and variety, and nothing "
        "about this eye.",
    ),
    Method(
        name="nearest-fundus",
        module="fundus2oct.baselines.nearest_fundus",
        kind="trivial",
        title="Nearest photograph",
        description="The volume of the training eye with the most similar photograph: recognition instead of "
        "reconstruction.",
    ),
    Method(
        name="ridge",
        module="fundus2oct.baselines.ridge",
        kind="baseline",
        title="Ridge regression",
        description="Principal components of the photograph mapped linearly to principal components of the OCT and "
        "to the retina's shape, penalties chosen by leaving patients out: the expected eye, without speckle.",
    ),
)
"""Fitted at once, in the order in which one understands them."""

LEARNED = (
    Method(
        name="gan",
        module="fundus2oct.baselines.gan",
        kind="baseline",
        title="Conditional GAN",
        description="A generator from the photograph, the strips under the scan lines and noise to the volume, and a "
        "discriminator of patches: absolute error and adversarial loss, in the style of pix2pix in three dimensions.",
        profiles=PROFILES,
    ),
    Method(
        name="ddpm",
        module="fundus2oct.baselines.ddpm",
        kind="baseline",
        title="DDPM",
        description="Denoising diffusion in pixel space at reduced size, given the photograph: a pseudo-3D U-Net with "
        "attention across the six B-scans, a schedule that ends in pure noise.",
        profiles=PROFILES,
    ),
    Method(
        name="ldm",
        module="fundus2oct.baselines.ldm",
        kind="baseline",
        title="Latent diffusion",
        description="In the style of the winner of APTOS-2024: an autoencoder of B-scans, diffusion of single B-scans "
        "in its latents, then of volumes given the photograph, with attention across the six B-scans.",
        profiles=PROFILES,
        takes_unpaired=True,
    ),
)
"""Trained in steps."""


def find_method(name: str) -> Method:
    """The entry called ``name``.

    Raises:
        BenchError: E_NAME, with the nearest name and the list of all; exit code 2.
    """
    methods = (*METHODS, *LEARNED)
    names = [method.name for method in methods]
    if name in names:
        return methods[names.index(name)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    raise BenchError(
        "E_NAME",
        "no such reference generator",
        where="bench train NAME",
        expected=", ".join(names),
        found=name,
        fix=f"did you mean {near[0]}?" if near else "choose one of the list",
        exit_code=ExitCode.USAGE,
    )
