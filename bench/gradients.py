"""Holds the gradients of `fenchel check --model M --loss L --dump DIR` against PyTorch's autograd.

    fenchel check --model mf --loss sparsemax@sampled:n=4 --dump dump
    python bench/gradients.py dump

Losses are stated here a second time, in float64, from their formulas alone, and differentiated by
PyTorch. Of every model and head the gradient by the scores is compared; of matrix factorisation
(mf) the scores are made here too, from the tables, and so is the gradient by every table. The exit
status is 1 if anything disagrees, and 2 if there is nothing to compare.
"""

import json
import math
import os
import sys

import torch
from safetensors import safe_open

TOLERANCE = 1e-8  # of float64, relative to the largest entry of a gradient, at least 1e-3
SINGLE = 1e-4  # of float32, relative to the largest entry of all gradients, at least 0.1

# ---------------------------------------------------------------------------------------------
# Losses of one row: z [K] scores without masked ones, t [K] the target, v its parameters.


def softmax_of(z, t, tau, smoothing):
    t = (1 - smoothing) * t + smoothing / len(z)
    return -(t * torch.log_softmax(z / tau, 0)).sum()


def weighed(loss, z, t, omega, unit):
    """A loss of gradient unit (p - t) with the weight omega of the negatives, omega p - t."""
    return omega * loss + (omega - 1) * unit * (t * z).sum()


def softmax(z, t, v):
    return weighed(softmax_of(z, t, v["tau"], v["smoothing"]), z, t, v["negatives"], 1 / v["tau"])


def cosine(z, t, v):
    return softmax_of(z, t, v["tau"], 0)


def positives(f):
    """The mean over positives y, by their weights, of f(z, t, y, v)."""
    return lambda z, t, v: sum(t[y] * f(z, t, y, v) for y in range(len(z)) if t[y] > 0)


def each_positive(f):
    """The same of f(z, y, v)."""
    return positives(lambda z, t, y, v: f(z, y, v))


def negatives(t, y, v):
    """The classes [K] that the positive y is held against: the other positives are rivals or apart."""
    kept = t == 0 if v["positives"] == "apart" else torch.ones(len(t), dtype=torch.bool)
    kept[y] = False
    return kept


def contrast(f):
    """The same of f(z_y, the negatives' scores, z, v), 0 where there are no negatives."""

    def one(z, t, y, v):
        kept = negatives(t, y, v)
        return f(z[y], z[kept], z, v) if kept.any() else 0 * z[y]

    return positives(one)


def against(f):
    """The same of f(the scores of y and of its negatives, in order, the place of y there, v)."""

    def one(z, t, y, v):
        kept = negatives(t, y, v)
        kept[y] = True
        return f(z[kept], int(kept[:y].sum()), v)

    return positives(one)


def label(z, y):
    return torch.nn.functional.one_hot(torch.tensor(y), len(z)).double()


@each_positive
def am_softmax(z, y, v):
    return softmax_of(z - v["margin"] * label(z, y), label(z, y), 1 / v["scale"], 0)


@each_positive
def arcface(z, y, v):
    m, edge = v["margin"], 1 - 2.0**-23
    theta = torch.acos(z[y].clamp(-edge, edge))
    a = torch.cos(theta + m) if theta < math.pi - m else torch.cos(theta) - m * math.sin(m)
    return softmax_of(torch.where(label(z, y) > 0, a, z), label(z, y), 1 / v["scale"], 0)


def softplus(x):
    return torch.logaddexp(x, torch.zeros_like(x))


def labels(t, v):
    """The truths of a one-vs-all loss: 1 at each positive, or the target itself."""
    return (t > 0).double() if v["labels"] == "hot" else t


def bce(z, t, v):
    t = labels(t, v)
    return (softplus(z) - t * z).sum()


def gbce(z, t, v):
    t = labels(t, v)
    return (v["beta"] * t * softplus(-z) + (1 - t) * softplus(z)).mean()


def nce(z, t, v):
    d, t = z - v["log-z"], labels(t, v)
    return (softplus(d) - t * d).sum()


@contrast
def bpr(s, x, z, v):
    w = torch.softmax(x, 0) if v["weights"] == "softmax" else torch.full_like(x, 1 / len(x))
    return (w * softplus(x - s)).sum()


def sl_of(s, x, tau, omega):
    return omega * torch.logsumexp(x / tau, 0) - s / tau


@contrast
def sl(s, x, z, v):
    return sl_of(s, x, v["tau"], v["negatives"])


@contrast
def bsl(s, x, z, v):
    return v["negatives"] * v["tau2"] / v["tau1"] * torch.logsumexp(x / v["tau2"], 0) - s / v["tau1"]


@contrast
def psl(s, x, z, v):
    x = (x - s) / v["tau"]
    phi = 1 + {"tanh": torch.tanh, "relu": lambda x: x, "atan": torch.atan}[v["act"]](x)
    return torch.log((phi.clamp(min=1e-6) ** (1 / v["tau-star"])).sum())


@contrast
def sl_at_k(s, x, z, v):
    k = int(v["k"])
    beta = z.detach().sort(descending=True).values[min(k, len(z)) - 1] if k > 0 else v["beta"]
    scale = math.log(v["draws"] / len(x)) if v["draws"] > 0 else 0
    return torch.sigmoid((s - beta) / v["tau-w"]) * (sl_of(s, x, v["tau"], 1) + scale)


def largest(z):
    """The largest score: of several equal ones, as one class drawn twice is, the first has the gradient."""
    return z[int((z == z.max()).nonzero()[0])]


def ccl(z, t, v):
    negative = (t == 0).double()
    return (t * (1 - z)).sum() + v["weight"] * (negative * (z - v["margin"]).clamp(min=0)).sum() / negative.sum().clamp(min=1)


@against
def hinge(z, y, v):
    return largest(z + v["margin"] * (1 - label(z, y))) - z[y]


@against
def perceptron(z, y, v):
    return largest(z) - z[y]


@against
def rankmax(z, y, v):
    return torch.log(((z - z[y]) / v["margin"] + 1).clamp(min=0).sum())


def squared(z, t, v):
    return ((z - labels(t, v)) ** 2).sum() / 2


def sparsemax(z, t, v):
    """max_p ⟨p,z⟩ − ½‖p‖² + ½‖t‖² − ⟨t,z⟩; p by sorting."""
    s = z.sort(descending=True).values
    k = torch.arange(1, len(z) + 1, dtype=z.dtype)
    m = int((1 + k * s > s.cumsum(0)).sum())
    p = (z - (s[:m].sum() - 1) / m).clamp(min=0)
    return (p * z).sum() - (p**2).sum() / 2 + (t**2).sum() / 2 - (t * z).sum()


def threshold(f, lo, hi):
    """The root of f, which falls, by bisection and one step of Newton's method, through which
    PyTorch differentiates: the implicit derivative."""
    with torch.no_grad():
        for _ in range(200):
            mid = (lo + hi) / 2
            lo, hi = (mid, hi) if f(mid) >= 0 else (lo, mid)
    x = torch.tensor(float((lo + hi) / 2), dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(f(x), x, retain_graph=True)[0].detach()
    x = x.detach()
    return x - f(x) / slope


def entmax_of(z, t, alpha, scale):
    """max_p ⟨p,z⟩ + λH_α(p) − λH_α(t) − ⟨t,z⟩ with Tsallis' H_α(p) = (1 − Σp^α)/(α(α−1)), λ = scale."""
    a = alpha - 1
    top = z.detach().max()

    def map_of(xi):
        x = a * (z - top) / scale - xi
        return torch.where(x > 0, x.clamp(min=1e-300) ** (1 / a), torch.zeros_like(x))

    xi = threshold(lambda xi: map_of(xi).sum() - 1, torch.tensor(-1.0).double(), torch.tensor(0.0).double())
    p = map_of(xi)

    def entropy(p):
        q = torch.where(p > 0, p, torch.ones_like(p))
        return (1 - torch.where(p > 0, q**alpha, torch.zeros_like(p)).sum()) / (alpha * a)

    return ((p - t) * (z - top)).sum() + scale * (entropy(p) - entropy(t))


def entmax(z, t, v):
    return weighed(entmax_of(z, t, v["alpha"], 1), z, t, v["negatives"], 1)


def tsallis(z, t, v):
    return entmax_of(z, t, v["alpha"], v["alpha"])


def normmax(z, t, v):
    """max_p ⟨p,z⟩ − ‖p‖_α + ‖t‖_α − ⟨t,z⟩: p ∝ [z − ξ]_+^{1/(α−1)} with Σ[z − ξ]_+^{α/(α−1)} = 1."""
    alpha = v["alpha"]
    top = float(z.detach().max())

    def powers(xi, q):
        x = z - xi
        return torch.where(x > 0, x.clamp(min=1e-300) ** q, torch.zeros_like(x))

    xi = threshold(lambda xi: powers(xi, alpha / (alpha - 1)).sum() - 1, torch.tensor(top - 1).double(), torch.tensor(top).double())
    p = powers(xi, 1 / (alpha - 1))
    p = p / p.sum()

    def norm(p):
        q = torch.where(p > 0, p, torch.ones_like(p))
        return torch.where(p > 0, q**alpha, torch.zeros_like(p)).sum() ** (1 / alpha)

    return weighed(((p - t) * (z - top)).sum() - norm(p) + norm(t), z, t, v["negatives"], 1)


def ratio(f, z, t):
    return torch.log(f(z).sum()) - (t * torch.log(f(z))).sum()


def spherical(z, t, v):
    return ratio(lambda z: z**2 + v["eps"], z, t)


def taylor(z, t, v):
    return ratio(lambda z: sum(z**k / math.factorial(k) for k in range(int(v["order"]) + 1)), z, t)


def rg(a, b, z, t):
    return math.log(len(z)) + z.mean() + a / 2 * (z**2).mean() - b / 2 * z.mean() ** 2 - (t * z).sum()


def rg2(z, t, v):
    return rg(1, 0, z, t)


def rgx(z, t, v):
    return rg(1 - v["beta"], 0, z, t) if v["variant"] == "code" else rg(1, v["beta"], z, t)


@each_positive
def z_loss(z, y, v):
    std = (((z - z.mean()) ** 2).mean() + 1e-12).sqrt()
    return softplus(v["a"] * (v["b"] - (z[y] - z.mean()) / std)) / v["a"]


LOSSES = {
    "am-softmax": am_softmax, "arcface": arcface, "bce": bce, "bpr": bpr, "bsl": bsl, "ccl": ccl, "cosine": cosine,
    "entmax": entmax, "gbce": gbce, "hinge": hinge, "nce": nce, "normmax": normmax, "perceptron": perceptron, "psl": psl,
    "rankmax": rankmax, "rg2": rg2, "rgx": rgx, "sl": sl, "sl-at-k": sl_at_k, "softmax": softmax, "sparsemax": sparsemax,
    "spherical": spherical, "squared": squared, "taylor": taylor, "tsallis": tsallis, "z-loss": z_loss,
}  # fmt: skip

# The layers whose scores a head's rows are of, in their order: their tables.
LAYERS = {"all": ["class"], "sampled": ["class"], "tree": ["node"], "classes": ["group", "class"]}

# ---------------------------------------------------------------------------------------------


class Dump:
    def __init__(self, folder):
        self.arrays = {}
        for name in ("inputs", "gradients"):
            with safe_open(os.path.join(folder, name + ".safetensors"), framework="pt") as f:
                self.meta = json.loads(f.metadata()["fenchel.meta"])
                self.arrays.update({key: f.get_tensor(key) for key in f.keys()})

    def parts(self):
        """The numbers of the rows of scores that a head has."""
        p = 0
        while f"scores/{p}" in self.arrays:
            yield p
            p += 1

    def statements(self, of):
        """The gradients by a table or by scores, by statement."""
        for name, array in self.arrays.items():
            kind, _, rest = name.partition("/")
            by, _, what = rest.partition("/")
            if kind == "gradient" and what == of:
                yield by, array

    def cost(self, loss, scores):
        """The mean loss of the batch at those scores, of each part."""
        a = self.arrays
        ptr = a["batch/target.ptr"]
        weight = a.get("batch/weight", torch.ones(len(ptr) - 1, dtype=torch.float64)).double()
        padding = ptr[1:] == ptr[:-1]
        total = 0
        for p, z in enumerate(scores):
            ptr, classes, share = a[f"target.ptr/{p}"], a[f"target.class/{p}"], a[f"target.weight/{p}"]
            for n in range(len(z)):
                row, w = (n, 1.0) if f"row/{p}" not in a else (int(a[f"row/{p}"][n]), a[f"weight/{p}"][n])
                lo, hi = int(ptr[n]), int(ptr[n + 1])
                if row < 0 or lo == hi:
                    continue
                t = torch.zeros(z.shape[1], dtype=torch.float64)
                t[classes[lo:hi].long()] = share[lo:hi]
                kept = z[n].detach() > -math.inf
                total = total + weight[row] * w * loss(z[n][kept], t[kept], self.meta["params"])
        return total / weight[~padding].sum()

    def matrix_factorisation(self):
        """The tables, and the scores of each part made from them."""
        a, meta = self.arrays, self.meta
        head = meta["candidates"].partition(":")[0]
        if meta["model"] != "mf":
            return None, f"model {meta['model']} is not stated here; mf is"
        if head not in LAYERS:
            return None, f"candidates {head} are not made from tables here; {', '.join(LAYERS)} are"
        tables = {n.removeprefix("table/"): x.double().requires_grad_(True) for n, x in a.items() if n.startswith("table/")}
        unit = (lambda x: x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)) if meta["score"] == "cosine" else (lambda x: x)
        h = unit(tables["user"][a["batch/row"].long()])
        h = h * tables["logit-scale"].exp() if "logit-scale" in tables else h / float(meta["temperature"])
        scores = []
        for p, name in enumerate(LAYERS[head]):
            z = h @ unit(tables[name]).t()
            if name + "-bias" in tables:
                z = z + tables[name + "-bias"].flatten()
            if f"place/{p}" in a:
                place = a[f"place/{p}"].long()
                z = torch.where(place >= 0, z.flatten()[place.clamp(min=0)], torch.zeros_like(place).double())
            if f"added/{p}" in a:
                z = z + a[f"added/{p}"]
            scores.append(z)
        return tables, scores


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    failed = compared = 0
    for folder in sys.argv[1:]:
        dump = Dump(folder)
        name = dump.meta["loss"]
        dump.meta["params"] = {k: number(x) for k, x in dump.meta["params"].items()}
        print(f"{folder}: model {dump.meta['model']}, loss {name} {dump.meta['params']}, candidates {dump.meta['candidates']}")
        if name not in LOSSES:
            print(f"  loss {name} is not stated here; these are: {', '.join(LOSSES)}")
            continue
        worst = {}  # of each gradient: the error, the statement, the index

        def see(what, by, got, want, size):
            nonlocal compared
            known = ~torch.isnan(got) if by == "numerical" else torch.ones_like(got, dtype=torch.bool)
            error = torch.where(known, (got - want.reshape(got.shape)).abs() / size, torch.zeros_like(want).reshape(got.shape))
            compared += int(known.sum())
            e = float(error.max()) if not error.isnan().any() else math.inf
            worst.setdefault(what, []).append((e / (SINGLE if by == "float32" else TOLERANCE), e, by))

        # The gradient by the scores as the program made them.
        scores = [dump.arrays[f"scores/{p}"].clone().requires_grad_(True) for p in dump.parts()]
        cost = dump.cost(LOSSES[name], scores)
        for p, g in enumerate(torch.autograd.grad(cost, scores)):
            for by, got in dump.statements(f"scores/{p}"):
                see(f"scores/{p}", by, got, g, max(float(g.abs().max()), 1e-3))
        for key, x in dump.arrays.items():
            if key.startswith("cost/"):
                see("the cost", key.removeprefix("cost/"), x, cost.detach().reshape(1), 1 + abs(float(cost.detach())))

        # And by the tables, of scores made here.
        tables, made = dump.matrix_factorisation()
        if tables is None:
            print(f"  by scores alone: {made}")
        else:
            grads = torch.autograd.grad(dump.cost(LOSSES[name], made), list(tables.values()), allow_unused=True)
            top = max([0.1] + [float(g.abs().max()) for g in grads if g is not None])
            for table, g in zip(tables, grads):
                for by, got in dump.statements(table):
                    if g is None:
                        g = torch.zeros_like(tables[table])
                    size = top if by == "float32" else max(float(g.abs().max()), 1e-3)
                    see(table, by, got.double(), g, size)
        for what, found in worst.items():
            bad = [by for share, _, by in found if not share <= 1]
            failed += len(bad)
            errors = ", ".join(f"{by} {e:.1e}" for _, e, by in found)
            print(f"  {what:12} {'FAIL by ' + ', '.join(bad) if bad else 'PASS'}: {errors}")
    print(f"{compared} comparisons with PyTorch {torch.__version__}, {failed} failed")
    if failed:
        return 1
    return 0 if compared else 2


if __name__ == "__main__":
    sys.exit(main())
