"""Image data sets: found, decoded, cached and augmented.

In reading order:

- ``datasets``: a data set by its name, as arrays of bytes; ``splits``: training, validation and test images.
- ``arrays``: a data set of arrays that a person has in Python.
- ``files``: a data set in files of a person's own; ``formats``: the formats that are read, one a module.
- ``array_files``: images written to .npy files block by block.
- ``stored_images``: images that stay on disk until they are needed.
- ``tfds_folder``: the folder of a prepared TensorFlow Datasets data set, read without TensorFlow.
- ``_tfrecord``: the records of TFRecord files, with their checksums.
- ``decoding``: image files to predict.
- ``image_cache``: decoded images on disk, memory-mapped.
- ``tfds_preparation``: download and preparation by TensorFlow Datasets.
- ``augmentation``: random flips and crops, on the device.
"""

from typing import Literal

type Augmentation = Literal["none", "flip", "flip+crop"]
