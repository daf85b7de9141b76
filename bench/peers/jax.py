"""JAX's side of the rows: compiled by XLA for the processor. Each work reads the job's inputs and
returns a function that does the work once and returns seconds and a value to compare."""

import os
import time

# XLA makes as many threads as there are processors that it may use.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ["OMP_NUM_THREADS"])])

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_platforms", "cpu")


def version():
    return f"JAX {jax.__version__}"


def read(job, name, dtype, *shape):
    return np.fromfile(os.path.join(job["dir"], name), dtype).reshape(shape)


def softmax(job):
    """Forward and backward of the mean cross-entropy with respect to h [B,d] and w [C,d]."""
    h = jnp.asarray(read(job, "h", np.float32, job["b"], job["d"]))
    w = jnp.asarray(read(job, "w", np.float32, job["c"], job["d"]))
    y = jnp.asarray(read(job, "y", np.int32, job["b"]))

    def loss(h, w):
        z = h @ w.T
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0])

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    jax.block_until_ready(step(h, w))  # compiles

    def run():
        start = time.perf_counter()
        cost, _ = jax.block_until_ready(step(h, w))
        return time.perf_counter() - start, float(cost)

    return run


def sampled(job):
    """Softmax over a positive and its negatives. The gradient is that of the rows that were read;
    equal ids are added up, and Adagrad moves each row once, in place."""
    b, k = job["b"], 1 + job["s"]
    h = jnp.asarray(read(job, "h", np.float32, b, job["d"]))
    ids = jnp.asarray(read(job, "ids", np.int32, job["n"], b, k))
    state = [jnp.asarray(read(job, "w", np.float32, job["c"], job["d"])), jnp.zeros((job["c"], job["d"]), jnp.float32)]

    def loss(h, rows):
        z = jnp.einsum("bd,bkd->bk", h, rows)
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - z[:, 0])

    def step(w, g2, h, ids):
        cost, (_, g) = jax.value_and_grad(loss, argnums=(0, 1))(h, w[ids])
        rows, place = jnp.unique(ids.ravel(), return_inverse=True, size=b * k, fill_value=job["c"])
        g = jax.ops.segment_sum(g.reshape(b * k, -1), place.ravel(), num_segments=b * k)
        # Places that no id fills lie outside of the table, and are dropped.
        g2 = g2.at[rows].add(g * g, mode="drop")
        moved = 0.1 * g / (jnp.sqrt(g2.at[rows].get(mode="fill", fill_value=1)) + 1e-10)
        return cost, w.at[rows].add(-moved, mode="drop"), g2

    step = jax.jit(step, donate_argnums=(0, 1)).lower(*state, h, ids[0]).compile()
    count = 0

    def run():
        nonlocal count
        batch = ids[count % len(ids)].block_until_ready()
        count += 1
        start = time.perf_counter()
        cost, *state[:] = jax.block_until_ready(step(*state, h, batch))
        return time.perf_counter() - start, float(cost)

    return run


works = {"softmax": softmax, "sampled": sampled}
