"""The PyTorch side of `benchmarks.train_vs_torch`, for a Python that has PyTorch and NumPy and nothing of this project.

Commands come as lines of JSON on standard input, and each is answered by a line. The loop is the usual one: bytes stay
on the device, a batch is indexed, scaled, and goes through module, loss, ``backward`` and SGD; a loss is looked at only
when asked for.
"""

import hashlib
import json
import os
import sys
import time
from typing import Any

import numpy as np


def torch_layout(params, image_shape):
    """Return the parameters in the order and layout of PyTorch's modules, given {"conv": [(k, b)], "linear": [...]}.

    Kernels (P, Q, C, D) become (D, C, P, Q) and (in, out) become (out, in). Flax flattens height, width, channels, and
    PyTorch channels, height, width: the rows of the first linear kernel are taken in that order.
    """
    height, width, channels = image_shape
    leaves = []
    for kernel, bias in params["conv"]:
        leaves += [kernel.transpose(3, 2, 0, 1), bias]
        height, width, channels = height - kernel.shape[0] + 1, width - kernel.shape[1] + 1, kernel.shape[3]
    for number, (kernel, bias) in enumerate(params["linear"]):
        if number == 0:
            kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        leaves += [kernel.T, bias]
    return [np.ascontiguousarray(leaf) for leaf in leaves]


def load(path):
    """Return the arrays of a case as the other side wrote them: images, labels, order, test set, parameters."""
    with np.load(path) as arrays:
        content = dict(arrays)
    params = {
        kind: [(content[f"{kind}{i}_kernel"], content[f"{kind}{i}_bias"]) for i in range(int(content[f"{kind}s"]))]
        for kind in ["conv", "linear"]
    }
    return content, params


class Side:
    """A network in training."""

    def __init__(self, torch, case):
        self.torch, self.case = torch, case
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        content, params = load(case["arrays"])
        self.batch, self.at = case["batch"], 0
        self.shape = content["images"].shape[1:]
        self.digest = hashlib.sha256(content["images"][content["order"][: self.batch]].tobytes()).hexdigest()
        self.images, self.labels, self.order = (
            torch.from_numpy(content[name]).to(self.device) for name in ["images", "labels", "order"]
        )
        self.images = self.images.permute(0, 3, 1, 2).contiguous()  # NCHW
        self.labels = self.labels.long()
        self.test = [torch.from_numpy(content[name]).to(self.device) for name in ["test_images", "test_labels"]]
        nn = torch.nn
        layers = []
        for kernel, _ in params["conv"]:
            layers += [nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[0]), nn.ReLU()]
        layers.append(nn.Flatten())
        for kernel, _ in params["linear"]:
            layers += [nn.Linear(*kernel.shape), nn.ReLU()]
        self.network = nn.Sequential(*layers[:-1]).to(self.device)
        leaves = torch_layout(params, self.shape)
        with torch.no_grad():
            for parameter, leaf in zip(self.network.parameters(), leaves, strict=True):
                parameter.copy_(torch.from_numpy(leaf))
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=case["learning_rate"], momentum=case["momentum"], fused=case["fused"] or None
        )
        self.criterion = nn.CrossEntropyLoss()
        self.forward = torch.compile(self.loss) if case["compile"] else self.loss

    def loss(self, images, labels):
        return self.criterion(self.network(images.float() / 127.5 - 1), labels)

    def steps(self, count):
        """Take steps; return their losses, on the device."""
        losses = []
        for _ in range(count):
            if self.at + self.batch > len(self.order):
                self.order, self.at = self.torch.randperm(len(self.order), device=self.device), 0
            chosen = self.order[self.at : self.at + self.batch]
            self.at += self.batch
            self.optimizer.zero_grad(set_to_none=True)
            bfloat16 = self.case["precision"] == "bfloat16"
            with self.torch.autocast(self.device.type, dtype=self.torch.bfloat16, enabled=bfloat16):
                loss = self.forward(self.images[chosen], self.labels[chosen])
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        return losses

    def wait(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def accuracy(self):
        images, labels = self.test
        right = 0
        with self.torch.no_grad():
            for first in range(0, len(images), 500):
                batch = images[first : first + 500].permute(0, 3, 1, 2).float() / 127.5 - 1
                right += int((self.network(batch).argmax(dim=1) == labels[first : first + 500]).sum())
        return right / len(images)


def main():
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    import torch  # pyright: ignore[reportMissingImports]

    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # factors of float32 in TF32, as JAX has them on a GPU
    side: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        answer = {}
        if command["do"] == "about":
            answer = {
                "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
                "threads": torch.get_num_threads(),
                "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": np.__version__},
            }
        elif command["do"] == "start":
            side = Side(torch, command)
            answer = {"batch": side.digest}
        elif command["do"] == "losses":
            answer = {"losses": [float(loss) for loss in side.steps(command["steps"])]}
        elif command["do"] == "time":
            started = time.perf_counter()
            side.steps(command["steps"])
            side.wait()
            answer = {"seconds": time.perf_counter() - started}
        elif command["do"] == "accuracy":
            answer = {"accuracy": side.accuracy()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
