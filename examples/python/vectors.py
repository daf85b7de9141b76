"""Reads what `fenchel export RUN DIR` wrote, ranks by an index of hnswlib, and holds the scores
against the first 100 users of `fenchel predict RUN --all-users --with-seen --out FILE.csv`.

    pip install safetensors hnswlib pandas
    python vectors.py DIR FILE.csv
"""
import json, sys
import hnswlib, numpy as np, pandas as pd
from safetensors.numpy import load_file

folder, lists = sys.argv[1:]
v = load_file(folder + "/vectors.safetensors")
users, items = (json.load(open(f"{folder}/{side}.json")) for side in ("users", "items"))
bias = v.get("item_bias", np.zeros(len(items), np.float32))
index = hnswlib.Index("ip", v["items"].shape[1] + 1)  # the bias is one number more, of users 1
index.init_index(len(items), ef_construction=200, M=32)
index.add_items(np.column_stack([v["items"], bias]))
index.set_ef(200)
predicted, worst, found, total = pd.read_csv(lists, dtype={"user": str, "item": str}), 0.0, 0, 0
for user, rows in list(predicted.groupby("user", sort=False))[:100]:
    h = np.append(v["users"][users.index(user)], np.float32(1))
    places = [items.index(i) for i in rows.item]
    scores = v["items"][places] @ h[:-1] + bias[places]
    worst = max(worst, np.abs(scores - rows.score).max())
    found += len(set(places) & set(index.knn_query(h, k=len(places))[0][0]))
    total += len(places)
print(f"largest difference of a score {worst:.1e}; the index finds {found} of {total} items")
assert worst < 1e-3
