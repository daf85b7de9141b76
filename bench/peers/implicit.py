"""The package implicit's alternating least squares."""

import os
import time

import implicit
import numpy as np
import scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares


def version():
    return f"implicit {implicit.__version__}"


def als(job):
    """One sweep per run. See alsConfig in bench/row_als.go for how the objectives correspond."""

    def read(name, dtype):
        return np.fromfile(os.path.join(job["dir"], name), dtype)

    ptr, item = read("ptr", np.int32), read("item", np.int32)
    weight = np.full(len(item), 2, np.float32)
    pairs = scipy.sparse.csr_matrix((weight, item, ptr), shape=(job["u"], job["c"]))
    model = AlternatingLeastSquares(
        factors=job["d"], regularization=0.1, iterations=1,
        use_cg=job["variant"] == "cg", num_threads=job["threads"], random_state=1,
    )
    model.item_factors = read("w", np.float32).reshape(job["c"], job["d"]) * np.float32(np.sqrt(2))

    def run():
        elapsed = []
        model.fit(pairs, show_progress=False, callback=lambda iteration, seconds, loss: elapsed.append(seconds))
        return elapsed[0], float((model.user_factors.astype(np.float64) ** 2).sum() / 2)

    return run


def recommend(job):
    """The best items of one user after the other, by a model's own recommend. Users have no
    items of their own to leave out."""

    def read(name, rows):
        return np.fromfile(os.path.join(job["dir"], name), np.float32).reshape(rows, job["d"])

    model = AlternatingLeastSquares(factors=job["d"], num_threads=job["threads"])
    model.user_factors, model.item_factors = read("h", job["b"]), read("w", job["c"])
    none = scipy.sparse.csr_matrix((1, job["c"]), dtype=np.float32)

    def run():
        start = time.perf_counter()
        scores = [model.recommend(user, none, N=job["k"], filter_already_liked_items=True)[1] for user in range(job["b"])]
        return time.perf_counter() - start, float(np.mean(scores))

    return run


works = {"als": als, "recommend": recommend}
