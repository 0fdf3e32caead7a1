"""Runs a command and prints its CPU time and peak memory, all its children included: measure.py LABEL COMMAND ...

CPU time is user and system time as the kernel counts it. Memory is the largest sum of the proportional set sizes of
the command and its descendants, sampled every 10 ms, or the kernel's own peak of the largest process if that is more.
"""

import os
import pathlib
import resource
import subprocess
import sys
import threading
import time


def descendants(root):
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def memory(pids):
    total = 0
    for pid in pids:
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def main(label, *command):
    peak = 0
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = []
    reader = threading.Thread(target=lambda: errors.append(child.stderr.read()))
    reader.start()
    while child.poll() is None:
        peak = max(peak, memory(descendants(child.pid)))
        time.sleep(0.01)
    reader.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = max(peak, used.ru_maxrss * 1024)
    cpu = used.ru_utime + used.ru_stime
    print(f"{label:<28} {cpu:8.2f} s CPU {peak / 1e6:8.0f} MB peak", flush=True)
    if child.returncode != 0:
        sys.stderr.buffer.write(errors[0][-2000:])
        sys.exit(f"{label}: exit status {child.returncode}")


main(*sys.argv[1:])
