"""Pre-trained weights of a photograph encoder, taken from a local file before training starts."""

from __future__ import annotations

from pathlib import Path

from fundus2oct.baselines.networks.backbone_checkpoint import read_backbone_state
from fundus2oct.baselines.networks.fundus_encoder import FundusEncoder
from fundus2oct.metrics.errors import BenchError, ExitCode


def load_encoder(encoder: FundusEncoder | None, path: str) -> None:
    """Put a checkpoint into the backbone of a fundus encoder; an empty path does nothing.

    Raises:
        BenchError: E_CONFIG where no backbone is named; E_MISSING, E_WEIGHTS where the file is not its checkpoint.
    """
    if not path:
        return
    if encoder is None or encoder.backbone is None:
        raise BenchError(
            "E_CONFIG",
            "weights for a fundus encoder, but no backbone to take them",
            where="encoder_weights",
            fix="name one, such as vit_l_16, in the table [*.fundus]: backbone = ...",
            exit_code=ExitCode.USAGE,
        )
    encoder.backbone.load(read_backbone_state(Path(path)))
