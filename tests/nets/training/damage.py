"""Damage to checkpoints, for tests of their SHA-256."""


def flip_a_bit(folder):
    """As a failing disk does in the largest file of a checkpoint; Orbax reads the file without an error."""
    largest = max(
        (file for file in (folder / "state").rglob("*") if file.is_file()), key=lambda file: file.stat().st_size
    )
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 4
    largest.write_bytes(content)
