"""What XLA makes of a target for an H200, by its compiler alone: no GPU is needed or used.

    python -m pip install "jax[cuda12]"
    python benchmarks/gpu_kernels.py [--output FILE]

For each penalty: the kernels of `jax.jit(lr.target)` on 10^8 float64 alphas, the memory beside the
result, and the double-precision instructions of a value, a division counted as 9 and a square root
as 12. From these follows a bound, not a measurement: the share of the bandwidth of a copy that is
possible at the device's rate of such instructions.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_RESULTS = Path(__file__).resolve().parent / "results"
# Odd, so that each thread has one of them, whose instructions can be counted.
_VALUES = 10**8 + 1
_BYTES = 16
# NVIDIA's data sheet: 4.8 TB/s, and 34 TFLOP/s in float64 by instructions of two operations.
_BANDWIDTH = 4.8e12
_INSTRUCTIONS = 17e12
_COSTS = dict.fromkeys(("add", "sub", "mul", "fma", "min", "max", "setp"), 1) | {
    "div": 9,
    "sqrt": 12,
}
# Compute capability 9.0: CUDA C++ Programming Guide, tables of technical specifications.
_H200 = """
gpu_device_info {
  name: "NVIDIA H200"
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  memory_bandwidth: 4800000000000
  device_memory_size: 151397597184
  l2_cache_size: 52428800
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  shared_memory_per_core: 233472
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  device_address_bits: 64
  driver_version: "13.0.0"
  runtime_version: "12.8.0"
  compile_time_toolkit_version: "12.8.0"
  dnn_version: "9.10.0"
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
device_description_str: "NVIDIA H200"
"""


def compiler(dump: Path) -> Callable[[Callable[[Any], Any]], Any]:
    """function of an array -> its program for the device; JAX must not have been imported."""
    os.environ["XLA_FLAGS"] = f"--xla_dump_to={dump} --xla_gpu_autotune_level=0"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    from jax.experimental.topologies import get_topology_desc

    jax.config.update("jax_enable_x64", True)
    jax.devices()
    described = {"topology": "1x1x1", "target_config": _H200}
    (device,) = get_topology_desc("1x1x1", "cuda", **described).devices
    place = jax.sharding.SingleDeviceSharding(device)
    given = jax.ShapeDtypeStruct((_VALUES,), jax.numpy.float64)

    def compiled(function: Callable[[Any], Any]) -> Any:
        jitted = jax.jit(function, in_shardings=place, out_shardings=place)
        return jitted.trace(given).lower(lowering_platforms=("cuda",)).compile()

    return compiled


def instructions(ptx: str) -> int:
    """Double-precision instructions of a thread."""
    found = Counter(re.findall(r"^\s+(?:@\S+ )?([a-z]+)\.\S*f64\S*\s", ptx, re.M))
    return sum(cost * found[name] for name, cost in _COSTS.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULTS / "kernels-for-h200.json")
    output = parser.parse_args().output
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        compiled = compiler(Path(folder))
        from logitreg import penalties, target

        for name in penalties():
            seen = set(Path(folder).glob("*.ptx"))
            program = compiled(lambda alpha, name=name: target(name, alpha))
            entry = program.as_text().split("\nENTRY")[1]
            ptx = "".join(p.read_text() for p in {*Path(folder).glob("*.ptx")} - seen)
            count = instructions(ptx)
            bound = _INSTRUCTIONS / count * _BYTES / _BANDWIDTH if count else math.inf
            rows[name] = {
                "kernels": len(re.findall(r" (?:fusion|custom-call|copy|while)\(", entry)),
                "bytes beside the result": program.memory_analysis().temp_size_in_bytes,
                "double-precision instructions of a value": count,
                "bound on the share of a copy's bandwidth": round(min(1.0, bound), 2),
            }
            print(name, *rows[name].values())
    found = {"device": "NVIDIA H200, compiled for and not run on", "jax": version("jax")}
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(found | {"targets": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
