"""The weights of the FID's Inception-v3 as named arrays, from pytorch-fid's published state dictionary.

Called by `weight_install`. The table of arrays is the network's own, so that torch is loaded late.
"""

from __future__ import annotations

from fundus2oct.metrics.state_dict_file import Arrays, checked, read_arrays


def array_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array, without the classifier and without counters."""
    import torch

    from fundus2oct.metrics.inception import architecture

    with torch.device("meta"):
        state = architecture().state_dict()
    return {
        name: tuple(value.shape)
        for name, value in state.items()
        if not name.startswith("fc.") and value.dtype == torch.float32
    }


def arrays_from_state_dict(data: bytes) -> Arrays:
    """Named float32 arrays, every one of them; only the classifier may be missing or present.

    Raises:
        BenchError: E_WEIGHTS for any other file.
    """
    return checked(read_arrays(data), array_shapes(), ignored=("fc.", "AuxLogits."))
