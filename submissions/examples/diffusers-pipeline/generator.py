"""A diffusers pipeline as a generator: noise and one photograph in, six B-scans out. Downloads nothing."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DModel

COARSE = (40, 56)
"""Depth and width inside the pipeline: an eighth of a B-scan's."""


class FundusToOct(DiffusionPipeline):
    """DDIM sampling of six B-scans as the channels of one image; the photograph is three channels more."""

    def __init__(self, unet: UNet2DModel, scheduler: DDIMScheduler):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.inference_mode()
    def __call__(self, photograph, *, generator, steps=4):
        """(1, 3, height, width) in -1..1 and a CPU generator -> (1, 6, 40, 56) in 0..1."""
        condition = F.interpolate(photograph, size=COARSE, mode="bilinear", antialias=True).to(self.device)
        x = torch.randn((1, 6, *COARSE), generator=generator).to(self.device)
        self.scheduler.set_timesteps(steps, device=self.device)
        for t in self.scheduler.timesteps:
            noise = self.unet(torch.cat([x, condition], dim=1), t).sample
            x = self.scheduler.step(noise, t, x).prev_sample
        return (x.clamp(-1, 1) + 1) / 2


def mirrored(volume):
    """(6, depth, width): the same eye seen in a mirror, the partner of a horizontal flip of its photograph."""
    flipped = volume[[0, 5, 4, 3, 2, 1], :, ::-1].copy()
    flipped[0] = volume[0]  # the vertical B-scan stays as it is
    return flipped


class DiffusersPipeline:
    """What the benchmark calls, once for each case."""

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def generate(self, fundus, *, eye, seed):
        if eye == "L":
            fundus = fundus[:, ::-1].copy()
        photograph = torch.tensor(fundus).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = self.pipeline(photograph, generator=torch.Generator("cpu").manual_seed(seed))
        x = F.interpolate(x, size=(320, 448), mode="bilinear")[0]
        volume = np.rint(x.cpu().numpy() * 255).clip(0, 255).astype(np.uint8)
        return mirrored(volume) if eye == "L" else volume


def make_generator(*, device: str, folder: Path):
    pipeline = FundusToOct.from_pretrained(folder / "pipeline", local_files_only=True, low_cpu_mem_usage=False)
    return DiffusersPipeline(pipeline.to(device))
