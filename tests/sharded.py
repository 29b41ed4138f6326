"""`python -m tests.sharded` prints, as JSON, what JAX makes of the sums over samples when these are spread over 8 devices.

The devices are simulated ones of the CPU; their number is fixed before JAX starts, so this is a program of its own.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import jax
import numpy as np

import matcalc as mc
from tests.samples import CASES, Arrays, Case, arguments

DEVICES, ROWS = 8, 1000
UNCOMPILED = {"least squares", "logistic regression"}
_COLLECTIVE = re.compile(r"all-gather|all-to-all|all-reduce|collective-permute")


def spread(case: Case, data: Arrays) -> dict[str, Any]:
    """The arguments with the samples and their labels spread over the devices, and the parameters as NumPy arrays."""
    mesh = jax.sharding.Mesh(jax.devices(), "samples")

    def over(*axes: str | None) -> jax.sharding.NamedSharding:
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))

    of = {case.data: over(None, "samples") if case.columns else over("samples"), "y": over("samples")}
    return {name: jax.device_put(array, of[name]) if name in of else array for name, array in data.items()}


def outcome(name: str, case: Case) -> dict[str, Any]:
    """Value and gradient, compiled and, where that is quick, not; where samples and results are, and what was sent for them."""
    data = spread(case, arguments(case, range(DEVICES), ROWS))
    f = mc.function(case.problem, case.wrt, target="array-api", declare=case.declare or None)
    compiled = jax.jit(lambda data: f(**data)).lower(data).compile()
    results = [*compiled(data), *(f(**data) if name in UNCOMPILED else ())]
    return {
        "results": [np.asarray(result).tolist() for result in results],
        "shards": [shard.data.shape for shard in data[case.data].addressable_shards],
        "devices of results": [len(result.sharding.device_set) for result in results],
        "replicated": all(result.sharding.is_fully_replicated for result in results),
        "sent": sorted(set(_COLLECTIVE.findall(compiled.as_text()))),
    }


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", DEVICES)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    json.dump({name: outcome(name, case) for name, case in CASES.items()}, sys.stdout)
