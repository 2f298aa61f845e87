"""Training as an estimator of scikit-learn."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from closedform.validation import require
from nets.data.arrays import from_arrays
from nets.training.config import TrainConfig
from nets.training.fitting import fit
from nets.training.runs import RUN_FILES


class ClosedformClassifier(ClassifierMixin, BaseEstimator):
    """`fit` and `Run.predict` for images (N, height, width, channels) or (N, height, width), uint8.

    ``config`` is the configuration; its run is ``run_`` after `fit`, in memory alone unless it has a ``run_dir``. A
    ``run_dir`` is for one `fit`, so cross-validation needs a configuration without. Of the images given to `fit` a
    tenth is held out as test images, and a tenth of the rest for validation.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(ClosedformClassifier(TrainConfig(epochs=3))).get_params()["config"].epochs
    3
    """

    def __init__(self, config: TrainConfig = TrainConfig()) -> None:  # noqa: B008 (frozen; scikit-learn reads it)
        self.config = config

    def fit(self, X: Any, y: Any) -> Self:
        require("config", self.config, isinstance(self.config, TrainConfig), "a `nets.TrainConfig`")
        run_dir = self.config.run_dir
        if run_dir is not None and any((run_dir / name).exists() for name in RUN_FILES):
            raise ValueError(
                f"`run_dir` must be a new folder for each `fit`, got {run_dir}, which already contains a run; take "
                "another, or leave it out, as in `cross_val_score` and `GridSearchCV`: the run is then in memory alone."
            )
        with tempfile.TemporaryDirectory(prefix="closedform-") as temporary:
            config = replace(self.config, run_dir=run_dir or Path(temporary) / "run")
            self.run_ = fit(config, dataset=from_arrays(X, y))
            # From now on in memory.
            _ = self.run_.variables, self.run_.predictions, self.run_.finished, self.run_.step
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        images = np.asarray(X)
        return self.run_.predict(images[..., np.newaxis] if images.ndim == 3 else images)

    def predict(self, X: Any) -> np.ndarray:
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]
