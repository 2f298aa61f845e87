"""The descriptions of GPUs that XLA's CUDA plugin has, so that it compiles for a GPU that is not there.

The plugin was built with one description (a `GpuTargetConfigProto` as text) of each GPU that XLA knows: cores,
registers, bandwidth, and the speed of matrix units. The texts lie in its shared library one after the other, each from
``gpu_device_info {`` to ``device_description_str: "NAME"``. JAX has no function that returns them, and
`jax.experimental.topologies` asks for one.
"""

import mmap
import re
from importlib.util import find_spec
from pathlib import Path

_START = b"gpu_device_info {"
_END = re.compile(rb'\ndevice_description_str: "([^"]+)"\n')


def plugin_path() -> Path:
    """Return the shared library of the CUDA plugin; raise ModuleNotFoundError if it is not installed."""
    spec = find_spec("jax_plugins")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for library in sorted(Path(folder).glob("xla_cuda*/xla_cuda_plugin.so")):
            return library
    raise ModuleNotFoundError(
        "XLA's CUDA plugin is not installed; add `--with jax-cuda13-plugin` to `uv run --isolated`."
    )


def gpu_description(name: str) -> str:
    """Return the description of the GPU of that name, such as "NVIDIA H100 80GB HBM3", as the text of a proto.

    Raises ModuleNotFoundError if the CUDA plugin is not installed, and ValueError if it has no such GPU.
    """
    with plugin_path().open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
        ends = {match[1].decode(): match for match in _END.finditer(library)}
        if name not in ends:
            raise ValueError(f"`name` must be one of {', '.join(sorted(ends))}, got {name!r}.")
        start = library.rfind(_START, 0, ends[name].start())
        return library[start : ends[name].end()].decode()
