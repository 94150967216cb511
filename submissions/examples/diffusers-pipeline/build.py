"""Stands for your training: a tiny pipeline with random weights, saved beside this file."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DModel
from generator import COARSE, FundusToOct

torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=COARSE,
    in_channels=6 + 3,
    out_channels=6,
    block_out_channels=(8, 16),
    layers_per_block=1,
    norm_num_groups=4,
    add_attention=False,
    down_block_types=("DownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "UpBlock2D"),
)
scheduler = DDIMScheduler(num_train_timesteps=1000, timestep_spacing="trailing")
FundusToOct(unet, scheduler).save_pretrained(Path(__file__).parent / "pipeline")
