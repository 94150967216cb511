"""Train the network on a dataset folder: `python torch-module/train.py data`. Runs where fundus2oct is installed."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from generator import Net, mirrored, photograph_tensor
from safetensors.torch import save_file

from fundus2oct.benchmark.dataset import read_dataset

STEPS = 60


def pair(dataset, case):
    """One training eye as a right eye: (1, 3, 64, 64) photograph and (1, 6, 40, 56) coarse volume, in 0..1."""
    fundus, volume = dataset.fundus(case), dataset.volume(case)
    if case.eye == "L":
        fundus, volume = fundus[:, ::-1].copy(), mirrored(volume)
    return photograph_tensor(fundus), F.avg_pool2d(torch.tensor(volume)[None].float() / 255, 8)


def main(folder):
    dataset = read_dataset(Path(folder))
    pairs = [pair(dataset, case) for case in dataset.split("train")]
    photographs, volumes = (torch.cat(part) for part in zip(*pairs, strict=True))
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a network is slower on more
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for step in range(STEPS):
        loss = F.l1_loss(net(photographs), volumes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step in (0, STEPS - 1):
            print(f"step {step + 1}: mean absolute error {255 * loss.item():.1f} grey levels")
    save_file(net.state_dict(), Path(__file__).parent / "weights.safetensors")


if __name__ == "__main__":
    main(sys.argv[1])
