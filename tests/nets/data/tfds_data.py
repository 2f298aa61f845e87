"""Small data folders in the format of TensorFlow Datasets, written without TensorFlow."""

import io
import json
import struct

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

from nets.data._tfrecord import masked_crc32c


def write(data_dir, name, images, labels, classes, version="1.0.0", test="test", shape=None, **changes):
    """Write the data set ``name``: ``images`` and ``labels`` are {split: array}; return its folder.

    For encoded images ``shape`` is the shape in features.json. ``changes`` replace entries of dataset_info.json;
    ``fileFormat`` may be array_record or tfrecord.
    """
    folder = data_dir / name / version
    folder.mkdir(parents=True)
    splits = []
    for split in ["train", test]:
        records = [example(image, label) for image, label in zip(images[split], labels[split], strict=True)]
        write_records(folder / f"{name}-{split}", records, changes.get("fileFormat", "array_record"))
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        lengths = [str(len(labels[split]))]
        splits.append({"filepathTemplate": template, "name": split, "numBytes": "1", "shardLengths": lengths})
    height, width, channels = shape or images["train"].shape[1:]
    features = {
        "image": {
            "image": {"dtype": "uint8", "shape": {"dimensions": [str(height), str(width), str(channels)]}},
            "pythonClassName": "tensorflow_datasets.core.features.image_feature.Image",
        },
        "label": {
            "classLabel": {"numClasses": str(len(classes))},
            "pythonClassName": "tensorflow_datasets.core.features.class_label_feature.ClassLabel",
        },
    }
    info = {"fileFormat": "array_record", "name": name, "version": version, "splits": splits}
    info["supervisedKeys"] = {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}}
    (folder / "dataset_info.json").write_text(json.dumps(info | changes))
    (folder / "features.json").write_text(
        json.dumps(
            {
                "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
                "featuresDict": {"features": features},
            }
        )
    )
    (folder / "label.labels.txt").write_text("\n".join(classes))
    return folder


def write_records(stem, records, file_format):
    file = stem.with_name(f"{stem.name}.{file_format}-00000-of-00001")
    if file_format == "array_record":
        writer = ArrayRecordWriter(str(file), "group_size:1")
        for record in records:
            writer.write(record)
        writer.close()
        return
    with file.open("wb") as stream:
        for record in records:
            length = struct.pack("<Q", len(record))
            stream.write(length + masked_crc32c(length) + record + masked_crc32c(record))


def example(image, label):
    """Return one record: the image, encoded as PNG if it is an array, and its label."""
    encoded = io.BytesIO()
    if isinstance(image, bytes):
        encoded.write(image)
    else:
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(encoded, format="PNG")
    features = tf_feature_pb2.Features(
        feature={
            "image": tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=[encoded.getvalue()])),
            "label": tf_feature_pb2.Feature(int64_list=tf_feature_pb2.Int64List(value=[label])),
        }
    )
    return tf_example_pb2.Example(features=features).SerializeToString()


def random_images(shape, classes=3, train=30, test=12, seed=0):
    """Return images and labels for `write`."""
    rng = np.random.default_rng(seed)
    images = {"train": rng.integers(0, 256, (train, *shape), np.uint8)}
    images["test"] = rng.integers(0, 256, (test, *shape), np.uint8)
    return images, {split: np.arange(len(images[split])) % classes for split in images}
