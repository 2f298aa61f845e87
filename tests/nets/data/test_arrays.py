"""Data sets of arrays: in Python, in .npz files, in the files of MNIST and in Parquet files."""

import gzip
import io
import json
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nets import from_arrays
from nets.data.datasets import load

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(0, 256, (40, 6, 5, 3), np.uint8), np.arange(40) % 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOSEDFORM_CACHE", str(tmp_path / "cache"))


def test_arrays_become_a_data_set():
    dataset = from_arrays(IMAGES, LABELS[:, None] + 1, IMAGES[:8], LABELS[:8] + 1, name="mine")
    assert (dataset.name, dataset.class_names, dataset.image_shape) == ("mine", ("1", "2", "3", "4"), (6, 5, 3))
    np.testing.assert_array_equal(dataset.train.labels, LABELS)
    np.testing.assert_array_equal(dataset.test.images, IMAGES[:8])
    assert dataset.sha256 == from_arrays(IMAGES, LABELS, IMAGES[:8], LABELS[:8]).sha256
    assert dataset.sha256 != from_arrays(IMAGES, LABELS[::-1], IMAGES[:8], LABELS[:8]).sha256
    text = from_arrays(IMAGES[..., 0], np.array(["emu", "cat", "dog", "bee"])[LABELS])
    assert (text.class_names, text.image_shape, len(text.test)) == (("bee", "cat", "dog", "emu"), (6, 5, 1), 4)
    assert text.notes[0].startswith("There is no test split: a tenth of the images, 4, is held out")
    objects = from_arrays(IMAGES[..., 0], np.array(["emu", "cat", "dog", "bee"], object)[LABELS])  # as in pandas
    assert (objects.class_names, objects.sha256) == (text.class_names, text.sha256)
    named = from_arrays(IMAGES, LABELS, IMAGES[:8], LABELS[:8], class_names=list("abcde"))
    assert named.class_names == tuple("abcde")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": IMAGES / 255}, r"must be uint8, got float64; images in 0 .. 1 become `\(255"),
        ({"train_images": IMAGES.astype(int)}, r"must be uint8, got int64; whole numbers .* `images.astype"),
        (
            {"train_images": IMAGES > 9},
            r"must be uint8, got bool; black and white become `255 \* images.astype\('uint8'",
        ),
        ({"train_images": [IMAGES[0], IMAGES[0, 0]]}, "`train_images` must be one array: .*inhomogeneous"),
        ({"train_images": None, "train_labels": None}, "`train_images` must be an array of images, got None"),
        ({"train_images": IMAGES.transpose(0, 3, 1, 2)}, r"got \(40, 3, 6, 5\); transpose it by"),
        ({"train_images": IMAGES[0, 0]}, r"must have the shape \(N, height, width, channels\)"),
        ({"train_labels": LABELS[:-1]}, "must have a label for each of the 40 images, got 39 labels"),
        ({"train_labels": LABELS * 1.0}, r"text, got numbers \(float64\); convert them by `labels.astype\(int"),
        ({"train_labels": LABELS / 2}, r"text, got numbers \(float64\); convert them by `labels.astype\(str"),
        ({"train_labels": LABELS.astype("S")}, r"text, got bytes \(\|S21\); convert them by `labels.astype\(str"),
        ({"train_labels": LABELS.astype(object)}, r"text, got objects \(object\); convert them by `labels.astype\(int"),
        ({"train_labels": np.eye(4, dtype=int)[LABELS]}, r"got \(40, 4\); one-hot labels become `labels.argmax"),
        ({"test_images": IMAGES}, "`test_labels` must be given with `test_images`"),
        ({"test_images": IMAGES[:, :3], "test_labels": LABELS}, r"the shape \(N, 6, 5, 3\) as the training images"),
        ({"test_images": IMAGES, "test_labels": LABELS + 1}, "`test_labels` must be of the 4 classes, got 4;"),
        ({"class_names": ["a", "b"]}, "`train_labels` must be of the 2 classes, got 2;"),
        ({"class_names": list("abca")}, "`class_names` must differ from each other"),
        (
            {"class_names": np.array([b"a", b"b", b"c", b"d"])},
            r"must be text, got np.bytes_\(b'a'\); take .*decode\(\)",
        ),
        ({"class_names": ["a", b"b", "c", "d"]}, r"`class_names` must be text, got b'b'; take `\[name.decode\(\) for"),
        ({"class_names": ["a", None, "c", "d"]}, "`class_names` must be text, got None; take a name instead"),
        ({"train_images": np.ma.array(IMAGES, mask=IMAGES < 9)}, "must have no masked values, got"),
        ({"class_names": 3}, "`class_names` must be a list with the name of each class, got 3"),
        ({"class_names": np.array("cat")}, r"`class_names` must be a list .*, got array\('cat'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(**{"train_images": IMAGES, "train_labels": LABELS} | changes)


WITH_NAN = np.where(np.isin(np.arange(40), [7, 9]), np.nan, LABELS)


@pytest.mark.parametrize(
    "labels",
    [
        WITH_NAN,
        WITH_NAN[:, None],
        pd.Series(WITH_NAN),
        pd.Series(WITH_NAN).astype("Int64"),
        pd.Categorical(WITH_NAN),
        [None if np.isnan(label) else str(label) for label in WITH_NAN],
        [label if np.isnan(label) else str(label) for label in WITH_NAN],  # NumPy makes the text "nan" of it
        pd.Series([pd.NA if np.isnan(label) else "cat" for label in WITH_NAN], dtype=object),
        np.ma.array(LABELS, mask=np.isnan(WITH_NAN)),
        np.ma.array(WITH_NAN, mask=np.arange(40) == 7),
        WITH_NAN.astype("datetime64[D]"),
    ],
)
def test_missing_labels_are_counted_and_never_a_class(labels):
    message = (
        r"`train_labels` must have no missing labels \(None, NaN or masked\), got 2 of 40, the first at position 7;"
    )
    with pytest.raises(ValueError, match=message):
        from_arrays(IMAGES, labels)
    assert from_arrays(IMAGES, np.ma.array(LABELS), class_names=["nan", "None", "b", "c"]).class_names[0] == "nan"


def test_text_without_a_largest_length_is_taken():
    labels = np.array(["emu", "cat"], np.dtypes.StringDType())[LABELS % 2]
    assert from_arrays(IMAGES, labels).class_names == ("cat", "emu")


@pytest.mark.parametrize(
    "names",
    [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels")],
)
def test_an_npz_file_is_read_once(tmp_path, names, monkeypatch):
    file = tmp_path / "mine.npz"
    arrays = [IMAGES, LABELS, IMAGES[:8], LABELS[:8]]
    np.savez(file, class_names=list("abcd"), **dict(zip(names, arrays, strict=True)))
    dataset = load(str(file))
    np.testing.assert_array_equal(dataset.train.images, IMAGES)
    np.testing.assert_array_equal(dataset.test.labels, LABELS[:8])
    assert dataset.class_names == tuple("abcd")
    assert isinstance(dataset.train.images, np.memmap)
    monkeypatch.setattr(np, "savez", None)
    monkeypatch.setattr("nets.data.formats.npz_file.read_arrays", lambda _: pytest.fail("read again"))
    assert load(str(file)).sha256 == dataset.sha256


def test_an_npz_file_without_a_test_split_or_that_does_not_fit(tmp_path):
    np.savez(tmp_path / "whole.npz", images=IMAGES, labels=LABELS)
    dataset = load(str(tmp_path / "whole.npz"))
    assert (len(dataset.train), len(dataset.test)) == (36, 4)
    assert dataset.reading["test"]["held_out"] == 4
    np.savez(tmp_path / "other.npz", pictures=IMAGES)
    with pytest.raises(
        ValueError, match=r"other.npz cannot be used: it must have .* or images and labels .*has pictures; rename"
    ):
        load(str(tmp_path / "other.npz"))
    np.savez(tmp_path / "float.npz", images=IMAGES / 255, labels=LABELS)
    with pytest.raises(ValueError, match=r"`dataset` .*float.npz cannot be used: `train_images` must be uint8"):
        load(str(tmp_path / "float.npz"))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:500])
    with pytest.raises(
        ValueError, match=r"cut.npz cannot be used: it cannot be read: File is not a zip file; write it"
    ):
        load(str(tmp_path / "cut.npz"))
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(ValueError, match=r"text.npz cannot be used: it is no .npz file; write images and labels by"):
        load(str(tmp_path / "text.npz"))
    (tmp_path / "empty.npz").touch()
    with pytest.raises(ValueError, match=r"empty.npz cannot be used: it cannot be read: No data left in file; write"):
        load(str(tmp_path / "empty.npz"))
    with pytest.raises(ValueError, match=r"`image_size` must be left out for the arrays"):
        load(str(tmp_path / "whole.npz"), image_size=(4,))
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match="must have a folder of images for each class"):
        load(str(tmp_path / "folder.npz"))
    np.save(tmp_path / "one.npy", IMAGES)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"one.npz cannot be used: it is one array, in NumPy's format .npy; write"):
        load(str(tmp_path / "one.npz"))
    np.savez_compressed(tmp_path / "bits.npz", images=IMAGES, labels=LABELS)
    content = bytearray((tmp_path / "bits.npz").read_bytes())
    content[200:2000] = bytes(1800)
    (tmp_path / "bits.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"`dataset` .*bits.npz cannot be used: .*; (write|save) "):
        load(str(tmp_path / "bits.npz"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_test": IMAGES}, "it has x_test and no y_test; add it, or give the other another name"),
        ({"x_test": IMAGES, "test_labels": LABELS}, "it has x_test and no y_test"),
        ({"val_labels": LABELS}, "it has val_labels and no val_images"),
        ({"class_names": np.array("cat")}, "`class_names` must be a list with the name of each class"),
        (
            {"y_train": LABELS.astype(str).astype(object)},
            r"array y_train cannot be .*; save text as `y_train.astype\(str",
        ),
    ],
)
def test_an_npz_file_with_half_a_split_or_objects_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "mine.npz", allow_pickle=True, **({"x_train": IMAGES, "y_train": LABELS} | arrays))
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "mine.npz"))


def write_idx(file, array):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def test_the_files_of_mnist_are_read(tmp_path):
    gray = IMAGES[..., 0]
    for split, suffix in [("train", ".gz"), ("t10k", "")]:
        write_idx(tmp_path / f"{split}-images-idx3-ubyte{suffix}", gray)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte{suffix}", LABELS)
    dataset = load(str(tmp_path))
    for split in [dataset.train, dataset.test]:
        np.testing.assert_array_equal(split.images[..., 0], gray)
        np.testing.assert_array_equal(split.labels, LABELS)
    assert dataset.class_names == tuple("0123")
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz cannot be read: .* download it again"):
        load(str(tmp_path))
    file.write_bytes(gzip.compress(b"\x7fELF" + bytes(10)))
    with pytest.raises(
        ValueError, match=r"cannot be read: it begins with 7f 45 4c 46, not with 00 00 08 as an IDX file"
    ):
        load(str(tmp_path))
    file.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)))
    with pytest.raises(ValueError, match=r"is damaged: it has 0 bytes for an array of shape \(4294967295, 4294967295"):
        load(str(tmp_path))
    file.unlink()
    file.mkdir()
    with pytest.raises(ValueError, match=r"`dataset` .* cannot be used: train-images-idx3-ubyte.gz is not a regular"):
        load(str(tmp_path))
    file.rmdir()
    write_idx(file, gray[:-1])
    with pytest.raises(ValueError, match="must have a label for each of the 39 images, got 40 labels"):
        load(str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"has train-images-idx3-ubyte.gz and no train-labels-idx1-ubyte; add"):
        load(str(tmp_path))


def png(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()


def write_parquet(file, images, labels, names=None, column="image"):
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": image if isinstance(image, bytes) else png(image), "path": None} for image in images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({column: pa.array(rows, kind), "id": np.arange(len(images)), "label": labels})
    if names:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file)


def test_parquet_files_of_hugging_face_are_read(tmp_path):
    for number, part in enumerate([slice(0, 16), slice(16, 40)]):
        write_parquet(
            tmp_path / f"data/train-0000{number}-of-00002.parquet", IMAGES[part], LABELS[part], ["d", "c", "b", "a"]
        )
    write_parquet(tmp_path / "data/test-00000-of-00001.parquet", IMAGES[:8], LABELS[:8])
    dataset = load(str(tmp_path))
    np.testing.assert_array_equal(dataset.train.images, IMAGES)
    np.testing.assert_array_equal(dataset.train.labels, LABELS)
    np.testing.assert_array_equal(dataset.test.images, IMAGES[:8])
    assert dataset.class_names == ("d", "c", "b", "a")


def test_a_parquet_file_alone_has_its_labels_as_names(tmp_path):
    text = np.array(["emu", "cat", "dog", "bee"])[LABELS]
    write_parquet(tmp_path / "mine.parquet", [*IMAGES, b"damaged"], [*text, "emu"])
    dataset = load(str(tmp_path / "mine.parquet"), image_size=(4,))
    assert dataset.class_names == ("bee", "cat", "dog", "emu")
    assert (len(dataset.train), len(dataset.test), dataset.image_shape) == (36, 4, (4, 4, 3))
    assert "1 damaged image is left out: mine.parquet row 40 (not an image)." in dataset.notes
    assert {*dataset.train.files, *dataset.test.files} == {f"mine.parquet row {row}" for row in range(40)}


@pytest.mark.parametrize("above", ["", "default/"])
def test_parquet_files_in_folders_of_splits_are_told_apart(tmp_path, above):
    for split in ["train", "test"]:
        images = [b"damaged", *(IMAGES if split == "train" else IMAGES[::-1])]
        write_parquet(tmp_path / f"{above}{split}/0000.parquet", images, [0, *LABELS])
    dataset = load(str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (40, 40)
    damaged = {f"{above}{split}/0000.parquet row 0": "not an image" for split in ["train", "test"]}
    assert dataset.reading["damaged_files"] == damaged
    for old, new in [("train", "other"), ("test", "train"), ("other", "test")]:
        (tmp_path / f"{above}{old}").rename(tmp_path / f"{above}{new}")
    assert load(str(tmp_path)).sha256 != dataset.sha256  # not those of the cache
    write_parquet(tmp_path / "other/train/0000.parquet", IMAGES, LABELS)
    with pytest.raises(
        ValueError, match=rf"Parquet files of several data sets, in {above[:-1] or '.'}, other; name the"
    ):
        load(str(tmp_path))


def test_only_the_first_word_of_a_name_is_a_split(tmp_path):
    write_parquet(tmp_path / "values.parquet", IMAGES, LABELS)
    assert load(str(tmp_path)).validation is None
    write_parquet(tmp_path / "train-0.parquet", IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"must have Parquet files named train-\.\.\., .* and has values.parquet"):
        load(str(tmp_path))


@pytest.mark.parametrize("labels", [LABELS % 2 == 0, pa.array(["cat", "dog"] * 20).dictionary_encode()])
def test_labels_of_pandas_in_parquet_files(tmp_path, labels):
    write_parquet(tmp_path / "mine.parquet", IMAGES, labels)
    dataset = load(str(tmp_path / "mine.parquet"))
    first = np.array([name.endswith(("0", "2", "4", "6", "8")) for name in dataset.train.files])
    assert dataset.class_names in [("False", "True"), ("cat", "dog")]
    np.testing.assert_array_equal(dataset.train.labels, first == (dataset.class_names[0] == "False"))


def test_parquet_files_that_do_not_fit_are_refused(tmp_path):
    write_parquet(tmp_path / "twice.parquet", IMAGES, LABELS)
    table = pq.read_table(tmp_path / "twice.parquet")
    pq.write_table(table.append_column("label", pa.array(LABELS)), tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match=r"twice.parquet has several columns of the name label; rename or remove"):
        load(str(tmp_path / "twice.parquet"))
    pq.write_table(pa.table({"pixels": [1], "label": [2]}), tmp_path / "none.parquet")
    with pytest.raises(ValueError, match=r"no column of images .*; rename .* its columns: pixels \(int64\), label"):
        load(str(tmp_path / "none.parquet"))
    write_parquet(tmp_path / "odd.parquet", IMAGES[:4], [0, 1, 2, 1], ["a", "b"])
    with pytest.raises(ValueError, match=r"the label 2 in row 2 of odd.parquet is none of the 2 classes"):
        load(str(tmp_path / "odd.parquet"))
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "odd.parquet").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"cut.parquet cannot be read: [^.]*[.] [^.]*; download it again\.$"):
        load(str(tmp_path / "cut.parquet"))
    write_parquet(tmp_path / "float.parquet", IMAGES, LABELS / 2)
    message = r"no column of labels \(whole numbers or text, and named `label` if .*, label \(double\)"
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path / "float.parquet"))


ENCODED = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def structs(images):
    return pa.array([{"bytes": png(image), "path": None} for image in images], ENCODED)


def declared(**features):
    return {
        "huggingface": json.dumps({"info": {"features": {name: {"_type": kind} for name, kind in features.items()}}})
    }


@pytest.mark.parametrize("other", ["mask", "audio"])
def test_of_several_columns_of_images_the_usual_or_declared_one_is_read_and_named(tmp_path, other):
    masks = pa.array([b"no image"] * 40) if other == "audio" else structs(IMAGES[:, :3])
    for file, column, metadata in [
        ("usual", "image", None),
        ("declared", "photo", declared(photo="Image", audio="Audio")),
    ]:
        table = pa.table({other: masks, column: structs(IMAGES), "label": LABELS}).replace_schema_metadata(metadata)
        pq.write_table(table, tmp_path / f"{file}.parquet")
        dataset = load(str(tmp_path / f"{file}.parquet"))
        assert dataset.image_shape == (6, 5, 3)
        assert dataset.notes[-1] == f"Images are those of the column {column}, and labels those of label."
        assert dataset.reading["columns"] == {"image": column, "label": "label"}
    table = pa.table({other: masks, "photo": structs(IMAGES), "label": LABELS})
    for columns in [table, table.add_column(0, "image", pa.array(["1.png"] * 40))]:  # of paths: not what is meant
        pq.write_table(columns, tmp_path / "unclear.parquet")
        with pytest.raises(
            ValueError, match=rf"and named `image` if there are several.; rename .* columns: .*{other} "
        ):
            load(str(tmp_path / "unclear.parquet"))


def test_rows_without_an_image_are_damaged_and_a_path_in_place_of_it_is_refused(tmp_path):
    rows = structs(IMAGES).to_pylist()
    rows[3] = None
    rows[5]["bytes"] = None
    pq.write_table(pa.table({"image": pa.array(rows, ENCODED), "label": LABELS}), tmp_path / "gaps.parquet")
    dataset = load(str(tmp_path / "gaps.parquet"))
    assert dataset.reading["damaged_files"] == {f"gaps.parquet row {row}": "empty" for row in (3, 5)}
    rows = [{"bytes": None, "path": f"{row}.png"} for row in range(40)]
    for kind in [ENCODED, None]:  # None: the type of `bytes` is null
        pq.write_table(pa.table({"image": pa.array(rows, kind), "label": LABELS}), tmp_path / "paths.parquet")
        with pytest.raises(ValueError, match=r"row 0 of paths.parquet has only the path of its image, 0.png, and not"):
            load(str(tmp_path / "paths.parquet"))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            structs(IMAGES),
            [-1] * 40,
            r"label -1 in row 0 of test.parquet is none of the 4 classes of the training images",
        ),
        (structs(IMAGES), [None, *LABELS[1:]], r"label None in row 0 of test.parquet is none of the 4 classes"),
        (
            structs(IMAGES),
            LABELS.astype(str),
            r"test.parquet has labels of another type \(string\) than train.parquet \(i",
        ),
        (["1.png"] * 40, LABELS, "test.parquet has no images in its column image, but string; write all files alike"),
    ],
)
def test_parquet_files_with_other_labels_or_images_than_the_training_ones_are_refused(
    tmp_path, images, labels, message
):
    write_parquet(tmp_path / "train.parquet", IMAGES, LABELS)
    pq.write_table(pa.table({"image": images, "label": labels}), tmp_path / "test.parquet")
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path))


def test_parquet_files_without_rows_are_refused(tmp_path):
    write_parquet(tmp_path / "test.parquet", IMAGES[:0], LABELS[:0], list("abcd"))
    with pytest.raises(ValueError, match=r"test.parquet cannot be used: there are no rows"):
        load(str(tmp_path / "test.parquet"))
    write_parquet(tmp_path / "train.parquet", IMAGES, LABELS, list("abcd"))
    with pytest.raises(ValueError, match="there are no intact test images; copy them again"):
        load(str(tmp_path))
    write_parquet(tmp_path / "train.parquet", IMAGES[:0], LABELS[:0])
    write_parquet(tmp_path / "test.parquet", IMAGES, LABELS)
    with pytest.raises(ValueError, match="there are no training images; download them again"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"column": "picture"}, "test.parquet has no column image as train.parquet has; rename"),
        ({"names": list("badc")}, "has the classes b, a"),
    ],
)
def test_parquet_files_of_two_kinds_are_refused(tmp_path, test, message):
    write_parquet(tmp_path / "train.parquet", IMAGES, LABELS, list("abcd"))
    write_parquet(tmp_path / "test.parquet", IMAGES, LABELS, **test)
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path))


def test_a_damaged_column_of_labels_is_no_matter_of_the_cache(tmp_path):
    file = tmp_path / "mine.parquet"
    write_parquet(file, IMAGES, LABELS)
    column = pq.read_metadata(file).row_group(0).column(3)
    content = bytearray(file.read_bytes())
    start = column.dictionary_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"`dataset` .*mine.parquet cannot be used"):
        load(str(file))
