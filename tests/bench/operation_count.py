"""Floating-point operations of anything that torch runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Two products of (b, heads, tokens, width) arrays, a multiplication and an addition as two."""
    batch, heads, tokens, width = query.shape
    return int(2 * batch * heads * tokens * key.shape[2] * (width + value.shape[3]))


ON_A_PROCESSOR = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
"""What torch before 2.15 has no formula of."""


class Operations(TorchDispatchMode):
    """Adds up what torch's own formulas say of every operator that is called.

    `FlopCounterMode` does this too, and follows modules besides, which fails where a training step draws without
    gradients.
    """

    total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call an operator and count it."""
        out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        formula = flop_registry.get(packet) or ON_A_PROCESSOR.get(packet)
        self.total += formula(*args, **(kwargs or {}), out_val=out) if formula else 0
        return out


def operations(function: Callable[[], Any]) -> float:
    """Floating-point operations of a call, a multiplication and an addition as two."""
    with Operations() as count:
        function()
    return count.total
