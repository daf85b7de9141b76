"""PyTorch's side of the rows. Each work reads the job's inputs and returns a function that does
the work once and returns seconds and a value to compare."""

import os
import time

import numpy as np
import torch
import torch.nn.functional as F


def version():
    cpu = getattr(torch.backends, "cpu", None)  # not in every version
    return f"PyTorch {torch.__version__}, CPU capability {cpu.get_cpu_capability() if cpu else 'unknown'}"


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

    def autocast(h, w, y):
        with torch.autocast("cpu", torch.bfloat16):
            z = h @ w.t()
        return F.cross_entropy(z.float(), y)

    def chunked(h, w, y):
        return F.linear_cross_entropy(h, w, y, options=torch.nn.LinearCrossEntropyOptions())

    needs = {"compiled": (torch, "compile"), "chunked": (F, "linear_cross_entropy")}
    module, name = needs.get(job["variant"], (torch, "tensor"))
    if not hasattr(module, name):
        raise ImportError(f"this PyTorch has no {name}")
    if job["variant"] == "compiled":
        return linear(job, torch.compile(plain))
    if job["variant"] == "medium":
        torch.set_float32_matmul_precision("medium")
        return linear(job, plain)
    return linear(job, {"plain": plain, "autocast": autocast, "chunked": chunked}[job["variant"]])


def entmax(job):
    """The package entmax: top-k with k=100, or a full sort."""
    import entmax as package

    name, _, k = job["variant"].partition(" k=")
    loss = {"sparsemax": package.sparsemax_loss, "entmax": package.entmax15_loss}[name]
    return linear(job, lambda h, w, y: loss(h @ w.t(), y, int(k) if k else None).mean())


def sampled(job):
    """Softmax over a positive and its negatives; sparse gradients, Adagrad."""
    torch.set_num_threads(job["threads"])
    b, k = job["b"], 1 + job["s"]
    h = floats(job, "h", b, job["d"]).requires_grad_(True)
    table = torch.nn.Embedding.from_pretrained(floats(job, "w", job["c"], job["d"]), freeze=False, sparse=True)
    optimizer = torch.optim.Adagrad(table.parameters(), lr=0.1)
    ids = ints(job, "ids", job["n"], b, k)
    first = torch.zeros(b, dtype=torch.long)
    steps = 0

    def run():
        nonlocal steps
        batch = ids[steps % len(ids)]
        steps += 1
        h.grad = None
        optimizer.zero_grad(set_to_none=True)
        start = time.perf_counter()
        z = torch.bmm(table(batch), h[:, :, None])[:, :, 0]
        cost = F.cross_entropy(z, first)
        cost.backward()
        optimizer.step()
        return time.perf_counter() - start, cost.item()

    return run


def topk(job):
    """Blocks of 128 users, so that their scores stay within half a gigabyte."""
    torch.set_num_threads(job["threads"])
    h, w = floats(job, "h", job["b"], job["d"]), floats(job, "w", job["c"], job["d"])

    def run():
        total = 0.0
        start = time.perf_counter()
        with torch.no_grad():
            for block in h.split(128):
                total += torch.topk(block @ w.t(), job["k"]).values.double().sum().item()
        return time.perf_counter() - start, total / (job["b"] * job["k"])

    return run


def adam(tables, rate):
    try:
        return torch.optim.Adam(tables, lr=rate, fused=True)
    except RuntimeError:  # older versions have it on other devices only
        return torch.optim.Adam(tables, lr=rate)


def laid_out(job):
    """Batches of users: their ids, how many items each has, the row of each item in the batch,
    and its place in the batch's scores. Both programs lay them out beforehand."""
    users, item = ints(job, "users", -1), ints(job, "item", -1)
    bounds, ptr = ints(job, "bounds", -1).tolist(), ints(job, "ptr", -1)
    for lo, hi in zip(bounds, bounds[1:]):
        count = ptr[lo + 1 : hi + 1] - ptr[lo:hi]
        row = torch.repeat_interleave(torch.arange(hi - lo), count)
        yield users[lo:hi], count, row, row * job["c"] + item[ptr[lo] : ptr[hi]]


def epoch(job):
    """Matrix factorisation, cosines / 0.2, the mean over users of log-sum-exp less the mean score
    of the user's items; dense gradients, fused Adam. Batches are laid out beforehand."""
    torch.set_num_threads(job["threads"])
    batches = [(users, place, (1.0 / count)[row]) for users, count, row, place in laid_out(job)]
    everyone = sum(len(users) for users, _, _ in batches)

    def run():
        u = floats(job, "user", job["u"], job["d"]).requires_grad_(True)
        w = floats(job, "class", job["c"], job["d"]).requires_grad_(True)
        optimizer = adam([u, w], 0.01)
        total = 0.0
        start = time.perf_counter()
        for ids, place, weight in batches:
            optimizer.zero_grad(set_to_none=True)
            h = F.normalize(F.embedding(ids, u), dim=1) / 0.2
            z = h @ F.normalize(w, dim=1).t()
            # Targets as a matrix: faster by a sixth than log-sum-exp less gathered scores,
            # whose gradient is a second matrix of the size of z.
            target = torch.zeros_like(z)
            target.view(-1)[place] = weight
            cost = F.cross_entropy(z, target)
            cost.backward()
            optimizer.step()
            total += cost.item() * len(ids)
        return time.perf_counter() - start, total / everyone

    return run


def recipe(job):
    """Several epochs under the softmax loss without the positives in its sum: omega times the
    log-sum-exp of a user's negatives / tau, less the mean of the positives / tau; users weigh what
    they have items, Adam's rate falls linearly from step to step. The value is the mean loss of the
    last epoch."""
    torch.set_num_threads(job["threads"])
    tau, omega, rate = floats(job, "numbers", -1).tolist()
    batches = [(users, row, place, count / count.sum(), (1.0 / count)[row]) for users, count, row, place in laid_out(job)]
    steps = len(batches) // job["n"]

    def run():
        u = floats(job, "user", job["u"], job["d"]).requires_grad_(True)
        w = floats(job, "class", job["c"], job["d"]).requires_grad_(True)
        optimizer = adam([u, w], rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(batches))
        total = items = 0.0
        start = time.perf_counter()
        for step, (ids, row, place, weight, share) in enumerate(batches):
            optimizer.zero_grad(set_to_none=True)
            z = F.normalize(F.embedding(ids, u), dim=1) / tau @ F.normalize(w, dim=1).t()
            flat = z.view(-1)
            mean = torch.zeros(len(ids)).index_add(0, row, flat[place] * share)
            negatives = flat.index_fill(0, place, -torch.inf).view_as(z)
            cost = (weight * (omega * torch.logsumexp(negatives, dim=1) - mean)).sum()
            cost.backward()
            optimizer.step()
            schedule.step()
            if step >= len(batches) - steps:
                total += cost.item() * len(place)
                items += len(place)
        return time.perf_counter() - start, total / items

    return run


def layer(function):
    """A step of a layer y = function(x, w, b, gain, bias) under a given gradient by y."""

    def work(job):
        torch.set_num_threads(job["threads"])
        x = floats(job, "x", job["b"], job["d"]).requires_grad_(True)
        w = floats(job, "w", job["c"], job["d"]).requires_grad_(True)
        vectors = [v.clone().requires_grad_(True) for v in floats(job, "vectors", 3, job["c"])]
        up = floats(job, "up", job["b"], job["c"])

        def run():
            for leaf in (x, w, *vectors):
                leaf.grad = None
            start = time.perf_counter()
            cost = (function(x, w, *vectors) * up).sum() / job["b"]
            cost.backward()
            return time.perf_counter() - start, cost.item()

        return run

    return work


def product(x, w, b, gain, bias):
    return F.linear(x, w)


def normed(x, w, b, gain, bias):
    return F.layer_norm(x + F.gelu(F.linear(x, w, b)), b.shape, gain, bias, 1e-5)


def elementwise(job):
    """A function of the elements of x and up, or of their rows, into memory that is there."""
    torch.set_num_threads(job["threads"])
    x, up = floats(job, "x", job["b"], job["d"]), floats(job, "up", job["b"], job["d"])
    dst, ones, aten = torch.empty_like(x), torch.ones(job["d"]), torch.ops.aten
    kept = torch.sigmoid(x)
    function = {
        "add": lambda: torch.add(x, up, out=dst),
        "relu": lambda: torch.clamp_min(x, 0, out=dst),
        "relu-back": lambda: aten.threshold_backward(up, x, 0, grad_input=dst),
        "sigmoid": lambda: torch.sigmoid(x, out=dst),
        "sigmoid-back": lambda: aten.sigmoid_backward(up, kept, grad_input=dst),
        "tanh": lambda: torch.tanh(x, out=dst),
        "tanh-back": lambda: aten.tanh_backward(up, x, grad_input=dst),
        "gelu": lambda: aten.gelu(x, out=dst),
        "gelu-back": lambda: aten.gelu_backward(up, x, grad_input=dst),
        "softplus": lambda: aten.softplus(x, 1, 20, out=dst),
        "bias": lambda: torch.add(x, ones, out=dst),
        "layer-norm": lambda: F.layer_norm(x, (job["d"],), ones, ones, 1e-5),
    }[job["variant"]]

    def run():
        with torch.no_grad():
            start = time.perf_counter()
            y = function()
            seconds = time.perf_counter() - start
            return seconds, y.mean().item()

    return run


def sequences(function):
    """A step of y = function(x, w, vectors) over histories that are padded to the longest, under a
    given gradient by y, which is 0 at the padding."""

    def work(job):
        torch.set_num_threads(job["threads"])
        ptr, n, d = ints(job, "ptr", job["b"] + 1), job["n"], job["d"]
        length = ptr[1:] - ptr[:-1]
        there = torch.arange(job["k"])[None, :] < length[:, None]

        def padded(x):
            y = torch.zeros(job["b"], job["k"], d)
            y[there] = x
            return y

        x = [padded(v).requires_grad_(True) for v in floats(job, "x", 3, n, d)]
        up = padded(floats(job, "up", n, d))
        weights = floats(job, "w", -1, d, d)
        vectors = floats(job, "vectors", -1, d)
        forward, leaves = function(x, weights, vectors)

        def run():
            for leaf in leaves:
                leaf.grad = None
            start = time.perf_counter()
            cost = (forward() * up).sum() / n
            cost.backward()
            return time.perf_counter() - start, cost.item()

        return run

    return work


def attend(q, k, v):
    return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=True)[:, 0]


def attention(x, weights, vectors):
    return lambda: attend(*x), x


def gru(x, weights, vectors):
    d = weights.shape[-1]
    layer = torch.nn.GRU(d, d, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(weights[:3].reshape(3 * d, d))
        layer.weight_hh_l0.copy_(weights[3:6].reshape(3 * d, d))
        layer.bias_ih_l0.copy_(vectors[:3].reshape(-1))
        layer.bias_hh_l0.copy_(vectors[3:6].reshape(-1))
    return lambda: layer(x[0])[0], [x[0], *layer.parameters()]


def encoder(x, weights, vectors):
    """Blocks of SASRec: the query is normalised, key and value are not, and what is added to is
    the normalised."""
    w = [v.clone().requires_grad_(True) for v in weights]
    b = [v.clone().requires_grad_(True) for v in vectors]

    def norm(y, at):
        return F.layer_norm(y, b[at].shape, b[at], b[at + 1], 1e-8)

    def forward():
        y = x[0]
        for block in range(2):
            m, v = w[6 * block : 6 * block + 6], b[10 * block : 10 * block + 6]
            query = norm(y, 10 * block + 6)
            o = attend(F.linear(query, m[0], v[0]), F.linear(y, m[1], v[1]), F.linear(y, m[2], v[2]))
            y = norm(query + F.linear(o, m[3], v[3]), 10 * block + 8)
            y = y + F.linear(F.relu(F.linear(y, m[4], v[4])), m[5], v[5])
        return norm(y, 20)

    return forward, [x[0], *w, *b]


def sasrec(job):
    """Steps of SASRec on one batch after the other: histories are padded to the longest of their
    batch, on the right, so that the causal mask hides the padding too; cross-entropy over all
    positions that are not padding, or, as "all places", over all of them with the padding ignored;
    fused Adam on all weights. The value is the loss of the last of some steps without dropout, from
    the same weights, which are over before anything is measured."""
    torch.set_num_threads(job["threads"])
    d, c, drop, blocks = job["d"], job["c"], 0.2, 2
    ptr, bounds = ints(job, "ptr", -1), ints(job, "bounds", -1).tolist()
    events, following = ints(job, "events", -1), ints(job, "next", -1)
    batches = []
    for lo, hi in zip(bounds, bounds[1:]):
        length = ptr[lo + 1 : hi + 1] - ptr[lo:hi]
        there = torch.arange(int(length.max()))[None, :] < length[:, None]
        ids = torch.zeros(there.shape, dtype=torch.long)
        ids[there] = events[ptr[lo] : ptr[hi]]
        target = following[ptr[lo] : ptr[hi]]
        at = there.flatten().nonzero()[:, 0]
        if job["variant"] == "all places":
            padded = torch.full((there.numel(),), -100)
            padded[at] = target
            target = padded
        if job["variant"] == "all places" or len(at) == there.numel():
            at = None
        batches.append((ids, at, target))

    def weights():
        layers = [f"block-{b}.{layer}" for b in range(blocks) for layer in ("query", "key", "value", "attention", "inner", "outer")]
        norms = ["norm"] + [f"block-{b}.{norm}" for b in range(blocks) for norm in ("query-norm", "norm")]
        shapes = {"item": (c, d), "place": (job["k"], d)}
        shapes.update({name: (d, d) for name in layers} | {name + ".bias": (d,) for name in layers + norms} | {name + ".gain": (d,) for name in norms})
        return {name: floats(job, name, *shape).requires_grad_(True) for name, shape in shapes.items()}

    def loss(w, batch, drop):
        ids, at, target = batch

        def norm(x, name):
            return F.layer_norm(x, (d,), w[name + ".gain"], w[name + ".bias"], 1e-8)

        def layer(x, name):
            return F.linear(x, w[name], w[name + ".bias"])

        x = F.dropout(F.embedding(ids, w["item"]) * d**0.5 + w["place"][: ids.shape[1]], drop)
        for b in range(blocks):
            name = f"block-{b}."
            query = norm(x, name + "query-norm")
            q, k, v = layer(query, name + "query"), layer(x, name + "key"), layer(x, name + "value")
            o = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], dropout_p=drop, is_causal=True)[:, 0]
            y = norm(query + layer(o, name + "attention"), name + "norm")
            x = y + F.dropout(layer(F.dropout(F.relu(layer(y, name + "inner")), drop), name + "outer"), drop)
        h = norm(x, "norm").flatten(0, 1)
        if at is not None:
            h = h.index_select(0, at)
        return F.cross_entropy(h @ w["item"].t(), target)

    def trainer():
        w = weights()
        return w, adam(list(w.values()), 1e-3)

    def step(w, optimizer, batch, drop):
        optimizer.zero_grad(set_to_none=True)
        cost = loss(w, batch, drop)
        cost.backward()
        optimizer.step()
        return cost

    w, optimizer = trainer()
    for i in range(5):
        value = step(w, optimizer, batches[i % len(batches)], 0.0).item()
    w, optimizer = trainer()
    steps = 0

    def run():
        nonlocal steps
        batch = batches[steps % len(batches)]
        steps += 1
        start = time.perf_counter()
        cost = step(w, optimizer, batch, drop)
        seconds = time.perf_counter() - start
        if not cost.item() < 2 * np.log(c):
            raise ValueError(f"the loss of step {steps} is {cost.item()}")
        return seconds, value

    return run


def spmm(job):
    """The product of a sparse matrix in compressed rows with x, and the gradient by x: the product
    of its transpose, in compressed rows as well, with the gradient by the value."""
    torch.set_num_threads(job["threads"])
    u, c, d, n = job["u"], job["c"], job["d"], job["n"]
    shape = (u, c)
    # Indices of 32 bits, which MKL reads: with 64 a product takes twice the time.
    a = torch.sparse_csr_tensor(ints(job, "ptr", u + 1), ints(job, "ids", n), floats(job, "values", n), shape)
    t = a.to_sparse_coo().t().coalesce().to_sparse_csr()
    a, transposed = (torch.sparse_csr_tensor(m.crow_indices().int(), m.col_indices().int(), m.values(), m.shape) for m in (a, t))
    x, up = floats(job, "x", c, d), floats(job, "up", u, d)

    def run():
        start = time.perf_counter()
        y, gradient = a @ x, transposed @ up
        seconds = time.perf_counter() - start
        assert gradient.shape == x.shape
        return seconds, y.flatten()[:6400].mean().item()

    return run


def labels(job):
    """Steps of a linear model of labels: rows of features of norm 1, an EmbeddingBag under a linear
    layer with a bias, or, without a width, the linear layer over dense rows or, as "bag", an
    EmbeddingBag as wide as there are labels; softmax with the same share of each label, or the sum of
    binary cross-entropies over all labels; fused Adam on all weights. The value is the loss of a step."""
    torch.set_num_threads(job["threads"])
    b, c, d, f, n = job["b"], job["c"], job["d"], job["u"], job["n"]
    direct = d == 0
    features, of = ints(job, "features", n, b, -1), ints(job, "labels", n, b, -1)
    has, m = features.shape[2], of.shape[2]
    values = torch.full((b * has,), has**-0.5)
    offsets = torch.arange(0, b * has, has)
    class_ = floats(job, "class", c, f if direct else d)
    if direct and job["variant"] == "bag":
        class_ = class_.t().contiguous()
    w = [class_.requires_grad_(True), torch.zeros(c, requires_grad=True)]
    if not direct:
        w.append(floats(job, "feature", f, d).requires_grad_(True))
    optimizer = adam(w, 0.01)
    rows = torch.arange(b)[:, None].expand(b, has)
    steps = 0

    def run():
        nonlocal steps
        ids, own = features[steps % n], of[steps % n]
        steps += 1
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        if not direct:
            h = F.embedding_bag(ids.flatten(), w[2], offsets, mode="sum", per_sample_weights=values)
            z = F.linear(h, w[0], w[1])
        elif job["variant"] == "bag":
            z = F.embedding_bag(ids.flatten(), w[0], offsets, mode="sum", per_sample_weights=values) + w[1]
        else:
            h = torch.zeros(b, f)
            h[rows, ids] = has**-0.5
            z = F.linear(h, w[0], w[1])
        target = torch.zeros_like(z).scatter_(1, own, 1.0 if job["loss"] == "bce" else 1.0 / m)
        if job["loss"] == "bce":
            cost = F.binary_cross_entropy_with_logits(z, target, reduction="sum") / b
        else:
            cost = F.cross_entropy(z, target)
        cost.backward()
        optimizer.step()
        return time.perf_counter() - start, cost.item()

    return run


def tower(job):
    """Steps of two towers on one batch of pairs after the other: a vector of the user's or item's
    own, embedding bags of features, of lists divided by the root of how many there are, a layer of
    relu and one after it; cross-entropy over all items, whose vectors every step computes; fused
    Adam on all weights. The value is the loss of the fifth step."""
    torch.set_num_threads(job["threads"])
    b, u, c, d, n = job["b"], job["u"], job["c"], job["d"], job["n"]
    users, items = ints(job, "pair.user", n, b), ints(job, "pair.item", n, b)
    lists, numbers = ("genre", "title"), ("age",)
    sides = {"user": ("job", "age"), "item": ("year", "genre", "title")}
    size = {"job": 21, "age": 1, "year": 81, "genre": 18, "title": 4000}
    ptr = {f: ints(job, f + ".ptr", -1) for fields in sides.values() for f in fields}
    ids = {f: ints(job, f + ".ids", -1) for f in ptr}
    values = {f: floats(job, f + ".values", -1) for f in numbers}
    weight = {}
    for f in lists:  # of each id of a list
        count = ptr[f][1:] - ptr[f][:-1]
        weight[f] = torch.repeat_interleave(count.to(torch.float32) ** -0.5, count)

    def weights():
        shapes = {"user": (u, d), "item": (c, d)}
        for side, fields in sides.items():
            shapes.update({f"{side}.{f}": (size[f], d) for f in fields})
            for k in range(2):
                shapes.update({f"{side}-layer-{k}": (d, d), f"{side}-layer-{k}.bias": (d,)})
        return {name: floats(job, name, *shape).requires_grad_(True) for name, shape in shapes.items()}

    def layers(x, w, side):
        x = F.relu(F.linear(x, w[side + "-layer-0"], w[side + "-layer-0.bias"]))
        return F.linear(x, w[side + "-layer-1"], w[side + "-layer-1.bias"])

    def loss(w, batch):
        row = users[batch]
        h = F.embedding(row, w["user"]) + F.embedding(ids["job"][row], w["user.job"]) + values["age"][row][:, None] * w["user.age"]
        x = w["item"] + F.embedding(ids["year"], w["item.year"])
        for f in lists:
            x = x + F.embedding_bag(ids[f], w["item." + f], ptr[f][:-1], mode="sum", per_sample_weights=weight[f])
        return F.cross_entropy(layers(h, w, "user") @ layers(x, w, "item").t(), items[batch])

    def step(w, optimizer, batch):
        optimizer.zero_grad(set_to_none=True)
        cost = loss(w, batch)
        cost.backward()
        optimizer.step()
        return cost

    def trainer():
        w = weights()
        return w, adam(list(w.values()), 1e-3)

    w, optimizer = trainer()
    for i in range(5):
        value = step(w, optimizer, i % n).item()
    w, optimizer = trainer()
    steps = 0

    def run():
        nonlocal steps
        start = time.perf_counter()
        cost = step(w, optimizer, steps % n)
        seconds = time.perf_counter() - start
        steps += 1
        if not cost.item() < 2 * np.log(c):
            raise ValueError(f"the loss of step {steps} is {cost.item()}")
        return seconds, value

    return run


def words(job):
    """Steps of the network of n-grams: the vectors of the words of a window one after the other,
    dropout, a layer, tanh, dropout, and cross-entropy over the vectors themselves; fused Adam on all
    weights. The value is the loss of the last of some steps without dropout, from the same weights,
    which are over before anything is measured."""
    torch.set_num_threads(job["threads"])
    b, c, d, n = job["b"], job["c"], job["d"], job["k"]
    windows, following = ints(job, "windows", -1, b, n), ints(job, "next", -1, b)
    shapes = {"item": (c, d), "layer": (d, n * d), "layer.bias": (d,)}

    def trainer():
        w = {name: floats(job, name, *shape).requires_grad_(True) for name, shape in shapes.items()}
        return w, adam(list(w.values()), 1e-3)

    def step(w, optimizer, i, drop):
        optimizer.zero_grad(set_to_none=True)
        x = F.dropout(F.embedding(windows[i % len(windows)], w["item"]).view(b, n * d), drop)
        h = F.dropout(torch.tanh(F.linear(x, w["layer"], w["layer.bias"])), drop)
        cost = F.cross_entropy(h @ w["item"].t(), following[i % len(windows)])
        cost.backward()
        optimizer.step()
        return cost

    w, optimizer = trainer()
    for i in range(5):
        value = step(w, optimizer, i, 0.0).item()
    w, optimizer = trainer()
    steps = 0

    def run():
        nonlocal steps
        start = time.perf_counter()
        cost = step(w, optimizer, steps, 0.2)
        seconds = time.perf_counter() - start
        steps += 1
        if not cost.item() < 2 * np.log(c):
            raise ValueError(f"the loss of step {steps} is {cost.item()}")
        return seconds, value

    return run


works = {"softmax": softmax, "entmax": entmax, "sampled": sampled, "topk": topk, "epoch": epoch, "recipe": recipe,
         "encoder-products": layer(product), "encoder-layer": layer(normed), "elementwise": elementwise,
         "attention": sequences(attention), "gru": sequences(gru), "encoder": sequences(encoder),
         "sasrec": sasrec, "spmm": spmm, "labels": labels, "tower": tower,
         "words": words}
