"""The PyTorch worker of `benchmarks.train_vs_torch`, for a Python with PyTorch and NumPy, without this project.

It reads commands as lines of JSON from standard input and answers each with a line. The training loop is the usual one:
images stay on the device as bytes, a batch is indexed and scaled, then module, loss, ``backward`` and SGD. Losses are
transferred to the host only for the command that returns them.

The mode is ``eager``; ``compile``, with `torch.compile` for network and loss; or ``cuda graph``: the whole step is
captured once and replayed, so Python launches nothing, with channels last, fused SGD and cuDNN's own choice of kernels.
"""

import hashlib
import json
import os
import sys
import time
from typing import Any

import numpy as np


def torch_layout(params, image_shape):
    """Return the parameters {"conv": [(k, b)], "linear": [...]} in the order and layout of PyTorch's modules.

    Kernels (P, Q, C, D) become (D, C, P, Q) and (in, out) become (out, in). Flax flattens height, width, channels, and
    PyTorch channels, height, width: the rows of the first linear kernel are permuted accordingly.
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
    """Return the arrays of a case from the JAX worker: images, labels, order, test set, parameters."""
    with np.load(path) as arrays:
        content = dict(arrays)
    params = {
        kind: [(content[f"{kind}{i}_kernel"], content[f"{kind}{i}_bias"]) for i in range(int(content[f"{kind}s"]))]
        for kind in ["conv", "linear"]
    }
    return content, params


WARM_UP_STEPS = 3
"""Steps before a step is captured, in which PyTorch allocates memory and cuDNN chooses kernels."""


class Trainer:
    """A network in training."""

    def __init__(self, torch, case):
        self.torch, self.case = torch, case
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        content, params = load(case["arrays"])
        self.batch, self.position = case["batch"], 0
        self.shape = content["images"].shape[1:]
        self.digest = hashlib.sha256(content["images"][content["order"][: self.batch]].tobytes()).hexdigest()
        self.images, self.labels, self.order = (
            torch.from_numpy(content[name]).to(self.device) for name in ["images", "labels", "order"]
        )
        graph = case["mode"] == "cuda graph"
        self.channels_last = graph and bool(params["conv"])
        if not self.channels_last:
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
        memory_format = torch.channels_last if self.channels_last else torch.preserve_format
        self.network = nn.Sequential(*layers[:-1]).to(self.device, memory_format=memory_format)
        leaves = torch_layout(params, self.shape)
        with torch.no_grad():
            for parameter, leaf in zip(self.network.parameters(), leaves, strict=True):
                parameter.copy_(torch.from_numpy(leaf))
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            lr=case["learning_rate"],
            momentum=case["momentum"],
            fused=case["fused"] or graph or None,
        )
        self.criterion = nn.CrossEntropyLoss()
        self.forward = torch.compile(self.loss) if case["mode"] == "compile" else self.loss
        torch.backends.cudnn.benchmark = graph
        self.step = self.captured_step() if graph else self.train_step

    def loss(self, images, labels):
        if self.channels_last:
            images = images.permute(0, 3, 1, 2)  # (B, C, H, W), with the channels last in memory
        return self.criterion(self.network(images.float() / 127.5 - 1), labels)

    def train_step(self, indices):
        """Train on a batch and return its loss, on the device."""
        self.optimizer.zero_grad(set_to_none=True)
        bfloat16 = self.case["precision"] == "bfloat16"
        with self.torch.autocast(self.device.type, dtype=self.torch.bfloat16, enabled=bfloat16):
            loss = self.forward(self.images[indices], self.labels[indices])
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def captured_step(self):
        """Return `train_step` as one CUDA graph; parameters and momentum are those before, and 0."""
        torch, indices = self.torch, self.order[: self.batch].clone()
        before = [parameter.detach().clone() for parameter in self.network.parameters()]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self.train_step(indices)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)  # so that the graph allocates the gradients
        with torch.cuda.graph(graph):
            loss = self.train_step(indices)
        with torch.no_grad():
            for parameter, value in zip(self.network.parameters(), before, strict=True):
                parameter.copy_(value)
                self.optimizer.state[parameter]["momentum_buffer"].zero_()

        def step(batch):
            indices.copy_(batch)
            graph.replay()
            return loss

        return step

    def run_steps(self, count):
        """Run steps and return the loss of the last, on the device."""
        loss = None
        for _ in range(count):
            if self.position + self.batch > len(self.order):
                self.order, self.position = self.torch.randperm(len(self.order), device=self.device), 0
            loss = self.step(self.order[self.position : self.position + self.batch])
            self.position += self.batch
        return loss

    def synchronize(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def accuracy(self):
        images, labels = self.test
        correct = 0
        with self.torch.no_grad():
            for start in range(0, len(images), 500):
                batch = images[start : start + 500].permute(0, 3, 1, 2).float() / 127.5 - 1
                correct += int((self.network(batch).argmax(dim=1) == labels[start : start + 500]).sum())
        return correct / len(images)


def main():
    """Answer commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries is not an answer
    import torch  # pyright: ignore[reportMissingImports]

    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32 factors for float32, as in JAX on a GPU
    trainer: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        answer = {}
        if command["command"] == "environment":
            answer = {
                "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
                "threads": torch.get_num_threads(),
                "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "numpy": np.__version__},
            }
        elif command["command"] == "start":
            trainer = None  # a graph of the case before holds memory
            trainer = Trainer(torch, command)
            answer = {"batch": trainer.digest}
        elif command["command"] == "losses":
            answer = {"losses": [float(trainer.run_steps(1)) for _ in range(command["steps"])]}
        elif command["command"] == "time":
            started = time.perf_counter()
            trainer.run_steps(command["steps"])
            trainer.synchronize()
            answer = {"seconds": time.perf_counter() - started}
        elif command["command"] == "accuracy":
            answer = {"accuracy": trainer.accuracy()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
