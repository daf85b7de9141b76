"""PyTorch's side of the rows. Each work reads the job's inputs and returns a function that does
the work once and returns seconds and a value to compare."""

import os
import time

import numpy as np
import torch
import torch.nn.functional as F


def version():
    return f"PyTorch {torch.__version__}, CPU capability {torch.backends.cpu.get_cpu_capability()}"


def floats(job, name, *shape):
    return torch.from_numpy(np.fromfile(os.path.join(job["dir"], name), np.float32).reshape(shape))


def ints(job, name, *shape):
    return torch.from_numpy(np.fromfile(os.path.join(job["dir"], name), np.int32).reshape(shape)).long()


def linear(job, loss):
    """Forward and backward of loss(h, w, y) with respect to h [B,d] and w [C,d]."""
    torch.set_num_threads(job["threads"])
    h = floats(job, "h", job["b"], job["d"]).requires_grad_(True)
    w = floats(job, "w", job["c"], job["d"]).requires_grad_(True)
    y = ints(job, "y", job["b"])

    def run():
        h.grad = w.grad = None
        start = time.perf_counter()
        cost = loss(h, w, y)
        cost.backward()
        return time.perf_counter() - start, cost.item()

    return run


def softmax(job):
    def plain(h, w, y):
        return F.cross_entropy(h @ w.t(), y)

    def chunked(h, w, y):
        return F.linear_cross_entropy(h, w, y, options=torch.nn.LinearCrossEntropyOptions())

    if job["variant"] == "chunked" and not hasattr(F, "linear_cross_entropy"):
        raise ImportError("this PyTorch has no linear_cross_entropy")
    variants = {"plain": plain, "compiled": torch.compile(plain), "chunked": chunked}
    return linear(job, variants[job["variant"]])


works = {"softmax": softmax}
