"""Files of images that people have, read into arrays of bytes.

In reading order:

- ``image_folder``: a folder of image files, one folder a class.
- ``parquet_files``: image data sets of the Hugging Face Hub.
- ``encoded_images``: what both have in common: encoded images to one size and one mode, without the damaged ones.
- ``one_image``: one encoded image, its header and its pixels.
- ``npz_file``: arrays of NumPy.
- ``idx_files``: the files of MNIST.

A reader writes ``{train,test,validation}_{images,labels}.npy`` into a folder of the cache (`nets.data.image_cache`) and
returns the content of its ``entry.json``: ``class_names``, and ``notes``, sentences that say how the images were read.
For encoded images it also writes ``{train,test,validation}_files.npy``, the name of the file of each.
"""
