"""What the learned baselines cost, beside networks of diffusers of like size and beside the device's limit.

    python tests/bench/measure_baselines.py                 # profile demo on the processor
    python tests/bench/measure_baselines.py --device cuda   # profile gpu

Parameters, operations and seconds of a training step and of a sampled volume. The denoisers of `ddpm` and `ldm` stand
beside diffusers' UNetMotionModel and UNet3DConditionModel on arrays of the same shape, under the same threads, in turn,
trained by the same few lines and sampled by the same loop. These are other networks: time is compared, not quality. The
limit is what the same operations would take at the rate of a matrix product, measured in the same run. Weights are
random and so are the pictures: neither changes the time. Called by `make bench`; no time is asserted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import torch
from denoiser_peers import FOR_EACH_FRAME, PEERS, like_size
from operation_count import operations
from stopwatch import least
from torch import Tensor, nn
from torch.nn import functional

from fundus2oct.baselines import ddpm, gan, ldm
from fundus2oct.baselines.networks.denoiser import Denoiser
from fundus2oct.baselines.networks.diffusion import Diffusion, SamplingConfig, sample
from fundus2oct.baselines.training.eye_tensors import EyeTensors, as_network_values
from fundus2oct.baselines.training.learned_method import LearnedMethod, profile_settings
from fundus2oct.baselines.training.processes import Processes
from fundus2oct.baselines.training.stage_run import StageKey, StageRun
from fundus2oct.metrics.scan_geometry import N_BSCANS

METHODS: tuple[tuple[LearnedMethod, Callable[[Any], nn.Module]], ...] = (
    (gan.METHOD, gan.make_networks),
    (ddpm.METHOD, ddpm.make_networks),
    (ldm.METHOD, ldm.make_networks),
)
MATRIX = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices whose product is the limit."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        figure: what was measured.
        ours, theirs, limit: in `unit`; None where there is none.
        unit: of all three.
    """

    figure: str
    ours: float
    unit: str
    theirs: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        """Figure, ours, theirs, theirs as a multiple of ours, limit, and the limit as a share of ours."""
        theirs = ("", "") if self.theirs is None else (f"{self.theirs:.3g}", f"{self.theirs / self.ours:.2f}")
        limit = ("", "") if self.limit is None else (f"{self.limit:.3g}", f"{self.limit / self.ours:.0%}")
        cells = (f"{self.ours:.3g}", self.unit, *theirs, *limit)
        return f"{self.figure:62}" + "".join(f"{cell:>9}" for cell in cells)


HEADER = f"{'':62}" + "".join(f"{word:>9}" for word in ("ours", "", "theirs", "ratio", "limit", "share"))


@dataclass(frozen=True)
class Rates:
    """Operations a second of matrix products: as training multiplies on this device, and as sampling does."""

    training: float
    sampling: float


class Bench:
    """Times and counts on one device.

    Args:
        device: where.
        runs: calls of each part after one that does not count; the least time is taken.
    """

    def __init__(self, device: str, runs: int) -> None:
        self.device, self.runs = torch.device(device), runs

    def seconds(self, *functions: Callable[[], Any]) -> list[float]:
        """Least seconds of each, in turn: on the wall for a GPU, whose work is waited for; else of all threads.

        Other work on the machine disturbs the processor's seconds less than the clock on the wall.
        """
        spent = least(*(partial(self._finished, call) for call in functions), runs=self.runs)
        return [each.wall if self.device.type == "cuda" else each.processor for each in spent]

    def _finished(self, function: Callable[[], Any]) -> None:
        function()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def autocast(self) -> torch.autocast:
        """The arithmetic of training: bfloat16 on a GPU, float32 on a processor."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def rates(self) -> Rates:
        """The limits of this device."""
        side = MATRIX[self.device.type]
        matrix = torch.rand(side, side, device=self.device)

        def product() -> None:
            with self.autocast():
                torch.mm(matrix, matrix)

        training, sampling = self.seconds(product, lambda: torch.mm(matrix, matrix))
        return Rates(2 * side**3 / training, 2 * side**3 / sampling)


def parameters(modules: Iterable[nn.Module]) -> float:
    """Millions of parameters."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters()) / 1e6


def random_eyes(settings: Any, count: int) -> EyeTensors:
    """Pictures of noise in the shapes that a method trains on."""
    data, seen = settings.data, settings.conditioning

    def noise(*shape: int) -> Tensor:
        return torch.randint(256, (1, count, *shape), dtype=torch.uint8)

    return EyeTensors(
        noise(3, seen.fundus_size, seen.fundus_size),
        noise(N_BSCANS, 3, seen.across, seen.along),
        noise(N_BSCANS, data.height, data.width),
        noise(N_BSCANS, data.height, data.width)[:, :0],
        0.0,
    )


def whole_training(bench: Bench, rates: Rates, method: LearnedMethod, settings: Any) -> list[Row]:
    """A training step of every stage as `bench train` runs it: batch, losses, optimisers, moving average."""
    train = settings.train
    eyes = random_eyes(settings, train.batch).on(bench.device)
    processes, learned, found = Processes(0, 1, bench.device), {}, []
    for number, stage in enumerate(method.stages(settings)):
        run = StageRun(StageKey(0, number), stage.make_task(eyes, learned), eyes, train, processes)
        step = partial(run.advance, 0.5)
        (spent,) = bench.seconds(step)
        limit = operations(step) / rates.training
        found.append(Row(f"{method.name}: step of stage {stage.name}, batch {train.batch}", spent, "s", limit=limit))
        learned = run.weights()
    return found


def whole_sampling(bench: Bench, rates: Rates, name: str, settings: Any, networks: nn.Module) -> list[Row]:
    """Everything that draws a volume: encoders, all sampling steps, decoder."""
    eyes = random_eyes(settings, 1)
    pictures = [as_network_values(picture[0]).to(bench.device) for picture in (eyes.fundus, eyes.strips)]

    @torch.no_grad()
    def draw() -> None:
        networks.draw(*pictures, [0])

    (spent,), count = bench.seconds(draw), operations(draw)
    return [
        Row(f"{name}: parameters of what generates", parameters([networks]), "M"),
        Row(f"{name}: operations of a sampled volume", count / 1e9, "GFLOP"),
        Row(f"{name}: a sampled volume", spent, "s", limit=count / rates.sampling),
    ]


class Contender:
    """A denoiser that is trained and sampled: ours with its photograph encoders, or a peer with ready tokens.

    Args:
        network: the denoiser.
        predict: from noisy volumes, times and what `encode` gave to a prediction.
        encode: makes what is known of the photographs of so many eyes.
    """

    def __init__(self, network: nn.Module, predict: Callable[..., Tensor], encode: Callable[[int], Any]) -> None:
        self.network, self.predict, self.encode = network, predict, encode
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def train(self, bench: Bench, x: Tensor) -> None:
        """One step: photographs, prediction, squared error, backward pass, AdamW."""
        self.optimiser.zero_grad(set_to_none=True)
        t = torch.full((len(x),), 500, device=x.device)
        with bench.autocast():
            loss = functional.mse_loss(self.predict(x, t, self.encode(len(x))).float(), x)
        loss.backward()
        self.optimiser.step()

    @torch.no_grad()
    def forward(self, x: Tensor) -> None:
        """One prediction, photographs included."""
        self.predict(x, torch.full((len(x),), 500, device=x.device), self.encode(len(x)))

    @torch.no_grad()
    def draw(self, x: Tensor, diffusion: Diffusion, sampling: SamplingConfig) -> None:
        """One volume, by our sampling loop."""
        known = self.encode(1)
        sample(self.predict, x, known, diffusion=diffusion, sampling=sampling, null=known)


def our_contender(bench: Bench, settings: Any, denoiser: Denoiser) -> Contender:
    """The profile's denoiser; it encodes photographs of its own size."""
    eyes = random_eyes(settings, settings.train.batch)
    fundus, strips = (as_network_values(picture[0]).to(bench.device) for picture in (eyes.fundus, eyes.strips))
    return Contender(denoiser, denoiser, lambda count: denoiser.encode(fundus[:count], strips[:count]))


def peer_contender(bench: Bench, peer: str, denoiser: Denoiser) -> Contender:
    """A network of diffusers with about as many parameters, given as many tokens."""
    config = denoiser.config
    network = like_size(peer, config.unet, sum(p.numel() for p in denoiser.parameters())).to(bench.device)
    tokens = torch.randn(1, config.fundus.side**2, config.unet.context_width, device=bench.device)
    each = N_BSCANS if peer == FOR_EACH_FRAME else 1

    def predict(x: Tensor, t: Tensor, known: Tensor) -> Tensor:
        drawn = network(x.transpose(1, 2), t, encoder_hidden_states=known, return_dict=False)[0]
        return torch.as_tensor(drawn).transpose(1, 2)

    return Contender(network, predict, lambda count: tokens.expand(count * each, -1, -1))


def beside_peers(bench: Bench, rates: Rates, name: str, settings: Any, networks: Any) -> list[Row]:
    """Our denoiser beside each peer: parameters, operations, a training step, a sampled volume or latent."""
    diffusion = networks.diffusion if name == "ldm" else networks
    denoiser, shape = diffusion.denoiser.requires_grad_(True), diffusion._shape
    ours = our_contender(bench, settings, denoiser)
    peers = [peer_contender(bench, peer, denoiser) for peer in PEERS]
    everyone = [ours, *peers]
    many = torch.randn(settings.train.batch, *shape, device=bench.device)
    one = many[:1]
    draws = [partial(each.draw, one, Diffusion(settings.diffusion), settings.sampling) for each in everyone]
    steps = [partial(each.train, bench, many) for each in everyone]
    sizes = [parameters([each.network]) for each in everyone]
    forward = [operations(partial(each.forward, one)) / 1e9 for each in everyone]
    trained, drawn = bench.seconds(*steps), bench.seconds(*draws)
    limits = operations(steps[0]) / rates.training, operations(draws[0]) / rates.sampling
    size = " x ".join(map(str, shape))
    found = []
    for number, peer in enumerate(PEERS, start=1):
        about = f"{name} denoiser, {peer}"
        found += [
            Row(f"{about}: parameters", sizes[0], "M", sizes[number]),
            Row(f"{about}: forward, {size}", forward[0], "GFLOP", forward[number]),
            Row(f"{about}: training step, batch {len(many)}", trained[0], "s", trained[number], limits[0]),
            Row(f"{about}: sampled, {settings.sampling.steps} steps", drawn[0], "s", drawn[number], limits[1]),
        ]
    return found


def measure(bench: Bench, profile: str) -> Iterator[Row]:
    """Every row of the table."""
    rates = bench.rates()
    yield Row("matrix product, as training multiplies", rates.training / 1e9, "GFLOP/s")
    yield Row("matrix product, as sampling multiplies", rates.sampling / 1e9, "GFLOP/s")
    for method, make_networks in METHODS:
        settings = profile_settings(method, profile)
        yield from whole_training(bench, rates, method, settings)
        networks = make_networks(settings).to(bench.device).eval()
        yield from whole_sampling(bench, rates, method.name, settings, networks)
        if method is not gan.METHOD:
            yield from beside_peers(bench, rates, method.name, settings, networks)


@click.command()
@click.option("--device", default="cpu", help="cpu or cuda.")
@click.option("--profile", help="Profile to measure. [default: demo on a processor, gpu on a GPU]")
@click.option("--runs", default=2, help="Calls of each part; the least time counts.")
@click.option("--threads", default=2, help="Threads of the processor.")
def main(device: str, profile: str | None, runs: int, threads: int) -> None:
    """Print the table."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("no GPU is there: run with --device cpu")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    torch.backends.cudnn.allow_tf32 = False  # as a trained generator draws
    profile = profile or ("gpu" if device.startswith("cuda") else "demo")
    cpu = f"the processor ({threads} threads; seconds of all of them together)"
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else cpu
    print(f"learned baselines, profile {profile}, on {name}; ratio: theirs / ours; share: limit / ours\n{HEADER}")
    for row in measure(Bench(device, runs), profile):
        print(row, flush=True)


if __name__ == "__main__":
    main()
