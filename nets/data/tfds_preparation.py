"""Download and preparation of a data set by TensorFlow Datasets, as array_record files.

Preparation needs TensorFlow; reading does not. TensorFlow is installed in a separate environment, the extra
``prepare``, so that training never imports it.
"""

import contextlib
import difflib
import importlib.util
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from closedform.environments import command_with_extra
from closedform.reasons import one_line
from nets.data.tfds_folder import NotPreparedError, find_dataset, image_and_label

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for the server of an archive; TensorFlow Datasets would retry for minutes."""


def require_preparable(name: str, data_dir: Path) -> None:
    """Raise ValueError, within seconds, unless ``name`` exists and its archives can be downloaded.

    An archive in the folder for manual downloads of TensorFlow Datasets, under its own name, needs no network.
    """
    import tensorflow_datasets as tfds

    if name == "digits":
        raise ValueError("`dataset` 'digits' is included in closedform and needs no preparation.")
    names = tfds.list_builders(with_community_datasets=False)
    base = name.split("/")[0].split(":")[0]
    if base not in names:
        matches = difflib.get_close_matches(base, ["digits", *names], 3)
        hint = (
            f"did you mean {' or '.join(matches)}?" if matches else "the catalog is at tensorflow.org/datasets/catalog."
        )
        raise ValueError(f"`dataset` {name!r} is no file or folder here, and not one of TensorFlow Datasets; {hint}")
    manual = _manual(data_dir)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        image_and_label(tfds, builder.info)
        archives = builder.url_infos
    except Exception as error:  # a data set whose code needs packages that are not installed
        raise ValueError(f"`dataset` {name!r} cannot be prepared: {one_line(error)}") from error
    missing = {
        url: archive
        for url, archive in archives.items()
        if archive.filename is None or not (manual / archive.filename).exists()
    }
    hosts = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in missing}
    with ThreadPoolExecutor() as pool:
        unreachable = [host for host, problem in zip(hosts, pool.map(_unreachable, hosts), strict=True) if problem]
    unavailable = [
        f"{url} ({archive.size}) as {manual / archive.filename}"
        for url, archive in missing.items()
        if url.startswith(tuple(unreachable)) and archive.filename
    ]
    if unavailable:
        raise ValueError(
            f"`dataset` {name!r} cannot be downloaded: {', '.join(unreachable)} does not answer. Try again with a "
            f"network, or download by hand: {'; '.join(unavailable)}; then prepare it again."
        )


def prepare(name: str, data_dir: Path) -> Path:
    """Prepare ``name`` in ``data_dir``, unless it is prepared already, and return its folder.

    Raises ValueError if that fails, and then no files remain. Raises ModuleNotFoundError without TensorFlow.
    """
    import tensorflow_datasets as tfds

    with contextlib.suppress(NotPreparedError):
        return find_dataset(name, data_dir)
    require_preparable(name, data_dir)
    if importlib.util.find_spec("tensorflow") is None:
        raise ModuleNotFoundError("TensorFlow is not in this environment")
    builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    options = tfds.download.DownloadConfig(manual_dir=_manual(data_dir), try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=options)
    except OSError:
        raise
    except Exception as error:  # a wrong checksum, a server error, a truncated archive
        raise ValueError(f"`dataset` {name!r} could not be prepared: {one_line(error)}") from error
    finally:
        for folder in [data_dir / name.split("/")[0].split(":")[0], data_dir / "downloads" / "extracted"]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return Path(builder.data_dir)


def prepare_command(name: str, data_dir: Path) -> list[str]:
    """Return the command that prepares ``name`` in the environment with TensorFlow, or raise ValueError."""
    return command_with_extra(
        "prepare",
        "tensorflow",
        f"preparing {name!r} needs TensorFlow",
        ["prepare", name, "--data-dir", str(data_dir.resolve())],
    )


def prepare_in_subprocess(name: str, data_dir: Path) -> int:
    """Run `prepare_command`, after `require_preparable` has passed, and return its exit code."""
    return subprocess.run(prepare_command(name, data_dir), check=False).returncode


def _manual(data_dir: Path) -> Path:
    return data_dir / "downloads" / "manual"


def _unreachable(host: str) -> bool:
    import requests

    try:
        requests.head(host, timeout=CONNECT_TIMEOUT, allow_redirects=False)
    except requests.RequestException:
        return True
    return False
