"""The child's side of the protocol of bench/process.go, for a peer script beside this file."""

import json
import os
import runpy
import sys
import time
import traceback

# The scripts are named after what they measure; their folder must not hide it.
here = sys.path.pop(0)
reply_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a library prints is no reply


def reply(**fields):
    reply_to.write(json.dumps(fields) + "\n")
    reply_to.flush()


def status(field):
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    job = json.loads(sys.stdin.readline())
    try:
        peer = runpy.run_path(os.path.join(here, job["peer"] + ".py"))
        run = peer["works"][job["work"]](job)
    except ImportError as e:
        return reply(missing=f"{e} (see bench/README.md)")
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak counts from here
    ready = status("VmRSS")
    reply(version=peer["version"]())
    for line in sys.stdin:
        if line.strip() == "stop":
            return reply(ready=ready, peak=status("VmHWM"))
        before, seconds, n = time.process_time(), 0.0, job["repeat"]
        for _ in range(n):
            once, value = run()
            seconds += once
        reply(seconds=seconds / n, cpu=(time.process_time() - before) / n, value=value)


try:
    main()
except Exception as e:
    traceback.print_exc()
    reply(error=f"{type(e).__name__}: {e}")
