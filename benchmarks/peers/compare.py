"""Lets the library, PyTorch, ONNX Runtime and Eigen take turns on the same work; benchmarks/peers/run calls it.

Each contestant is a process that answers commands (worker.hpp). In every round each of them is called once; whoever is
not called is stopped, so that threads that wait by spinning take nothing from the others. What counts is the median.
"""
import argparse
import array
import contextlib
import dataclasses
import datetime
import importlib.util
import json
import math
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
FAMILIES = ("bottleneck", "early", "cross_attention", "late", "latent_adapter")
SIZES = ("tiny32", "tiny64", "small", "base", "base8")
PRODUCTS = ("linear/196x768x768", "linear/196x768x3072", "linear/196x3072x768", "linear/1568x768x2304",
            "linear/400x768x768", "linear/104x192x576", "linear/50x192x768", "linear/4x768x768", "linear/4x768x3072",
            "scores/12x196x64x196", "values/12x196x196x64")
PYTORCH = {"inference": ("eager", "jit", "compile"), "training": ("eager", "compile"), "gemm": ("eager",)}
TOLERANCE = 1e-4  # of logits; of losses and products relative to the largest
TOLERANCE_OF_BF16 = 4e-2  # of the largest logit


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that all contestants do."""
    kind: str  # gemm, inference, training
    what: str  # family/size, or a product
    batch: int
    threads: int

    @property
    def name(self):
        batch = "" if self.kind == "gemm" else f"/batch:{self.batch}"
        return f"{self.kind}/{self.what}{batch}/threads:{self.threads}"

    def is_quick(self):
        return self.threads == 1 and (self.kind == "gemm" or
                                      self.batch == 1 and self.what.endswith(("tiny64", "small")))


def all_rows():
    rows = [Row("gemm", product, 1, 1) for product in PRODUCTS]
    for kind in ("inference", "training"):
        for size in SIZES:
            for family in FAMILIES:
                # a batch of 8 would keep more activations than a machine of this size has memory for
                batches = (1,) if kind == "training" and size.startswith("base") else (1, 8)
                rows += [Row(kind, f"{family}/{size}", batch, threads) for batch in batches for threads in (1, 2)]
    return rows


class Failure(Exception):
    """A contestant that gave up; the text says why."""


class Contestant:
    """A process that takes part."""

    def __init__(self, name, command, threads):
        self.name, self.times, self.calls = name, [], 1
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
        environment.update(MULTIFUSE_THREADS=str(threads), OMP_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=environment, start_new_session=True)
        try:
            self.about = json.loads(self.answer())
            self.pause()
        except BaseException:
            self.close()
            raise

    def answer(self):
        line = self.process.stdout.readline()
        if line.strip():
            return line
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        raise Failure(f"{self.name}: {lines[-1] if lines else 'no answer'} (exit status {self.process.returncode})")

    def pause(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def ask(self, command):
        os.killpg(self.process.pid, signal.SIGCONT)
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.pause()
        return answer

    def run(self, count):
        return float(self.ask(f"run {count}")) / count

    def warm_up(self, least):
        """Calls until caches, pools and compilers have settled; then a call of `least` seconds is one measurement."""
        start = time.monotonic()
        self.run(1)
        duration = self.run(1)
        while time.monotonic() - start < 0.2:
            duration = self.run(max(1, min(1000, int(0.02 / duration))))
        self.calls = max(1, min(20000, math.ceil(least / duration)))
        self.ask("settle")

    def measure(self):
        if self.calls > 1:
            self.run(max(1, self.calls // 4))  # the others have emptied the caches
        self.times.append(self.run(self.calls))

    def result(self):
        ordered = sorted(self.times)
        quarter = (len(ordered) - 1) / 4
        return {"seconds": statistics.median(ordered), "low": ordered[math.floor(quarter)],
                "high": ordered[math.ceil(3 * quarter)], "memory": float(self.ask("peak")),
                "memory_before": self.about["memory"]}

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


def floats(path):
    values = array.array("f")
    values.frombytes(pathlib.Path(path).read_bytes())
    return values


def difference(one, other):
    if len(one) != len(other):
        raise Failure(f"{len(one)} and {len(other)} numbers cannot be compared")
    return max(abs(a - b) if math.isfinite(a) and math.isfinite(b) else math.inf for a, b in zip(one, other))


def processor_seconds(process=None):
    """Of all processors together since the machine started, or those that a process has used."""
    if process is None:
        user, nice, system, _, _, *rest = map(int, pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
        ticks = user + nice + system + sum(rest)
    else:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Comparison:
    def __init__(self, options):
        self.options, self.versions = options, {}
        have = lambda module: importlib.util.find_spec(module) is not None
        self.has_pytorch, self.has_onnx = have("torch"), have("onnxruntime") and have("onnx")

    def commands(self, row, folder):
        """Pairs of a contestant's name and its command; the peak is measured like one."""
        peer = lambda name: [sys.executable, HERE / "worker.py", name, "product" if row.kind == "gemm" else row.kind,
                             row.what, row.batch, row.threads, folder]
        programs = self.options.programs
        yield "peak", [programs / "benchmark_peers_gemm", "peak", row.threads]
        if row.kind == "gemm":
            yield "multifuse", [programs / "benchmark_peers_gemm", "multifuse", row.what]
            yield "eigen", [programs / "benchmark_peers_gemm", "eigen", row.what]
        else:
            yield "multifuse", [programs / "benchmark_peers", row.what, row.kind, folder]
            if row.kind == "inference":
                yield "bf16", [programs / "benchmark_peers", row.what, "bf16", folder]
        if self.has_pytorch:
            for name in PYTORCH[row.kind]:
                if name != "compile" or not self.options.quick:
                    yield f"pytorch {name}", peer(name)
        if self.has_onnx and row.kind != "training":
            yield "onnxruntime", peer("onnxruntime")

    def prepare(self, row, folder):
        """Writes what the contestants read; returns the arithmetic of a call."""
        if row.kind == "gemm":
            numbers = [int(n) for n in row.what.split("/")[1].split("x")]
            return {"flops": 2 * math.prod(numbers)}
        family, size = row.what.split("/")
        done = subprocess.run([sys.executable, HERE / "models.py", folder, family, size, str(row.batch), row.kind],
                              capture_output=True, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        if done.returncode:
            raise Failure(f"models.py: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        cost = json.loads(done.stdout.strip().splitlines()[-1])
        return {key: value * row.batch for key, value in cost.items() if value}

    def computed(self, row, one, folder):
        """What a contestant computes: the losses of the first steps, logits, or a product of which all have the operands
        (the peers draw those of products themselves)."""
        if one.name == "peak" or (row.kind == "gemm" and one.name not in ("multifuse", "eigen")):
            return None
        if row.kind == "training":
            return [float(loss) for loss in one.ask("losses 3").split()]
        one.ask(f"output {folder / 'output'}")
        return floats(folder / "output")

    def check(self, row, answers):
        """All must have computed the same before anything is timed; returns how far they are from the reference."""
        reference = answers["eigen" if row.kind == "gemm" else "pytorch eager"]
        scale = 1.0 if row.kind == "inference" else max(1.0, max(map(abs, reference)))
        distances = {name: difference(values, reference) / scale for name, values in answers.items()}
        for name, distance in distances.items():
            allowed = TOLERANCE_OF_BF16 * max(map(abs, reference)) if name == "bf16" else TOLERANCE
            if not distance <= allowed:
                raise Failure(f"{name} computes something else: {distance:.2g} away, allowed are {allowed:g}")
        return distances

    def measure(self, row):
        if row.kind != "gemm" and not self.has_pytorch:
            raise Failure("PyTorch is missing, with which the results are checked")
        result = {"name": row.name, "kind": row.kind, "what": row.what, "batch": row.batch, "threads": row.threads,
                  "contestants": {}, "failed": {}}
        with tempfile.TemporaryDirectory(dir=self.options.out) as name, contextlib.ExitStack() as stack:
            folder = pathlib.Path(name)
            result.update(self.prepare(row, folder))
            taking_part, answers = [], {}
            for who, command in self.commands(row, folder):
                try:
                    one = Contestant(who, command, row.threads)
                    stack.callback(one.close)
                    answers[who] = self.computed(row, one, folder)
                    one.warm_up(0.02 if self.options.quick else 0.05)
                    taking_part.append(one)
                except Failure as problem:  # of PyTorch's ways, those count that work
                    if who not in ("pytorch jit", "pytorch compile"):
                        raise
                    result["failed"][who] = str(problem)
            distances = self.check(row, {one.name: answers[one.name] for one in taking_part if answers[one.name]})
            used = lambda: processor_seconds() - sum(processor_seconds(process) for process in
                                                     [os.getpid(), *(one.process.pid for one in taking_part)])
            start, used_before = time.monotonic(), used()
            for turn in range(self.options.rounds):
                if turn >= 3 and time.monotonic() - start > self.options.seconds:
                    break
                for i in range(len(taking_part)):
                    taking_part[(i + turn) % len(taking_part)].measure()
            result["used_by_others"] = (used() - used_before) / (time.monotonic() - start)  # processors
            for one in taking_part:
                found = one.result()
                if one.name == "peak":
                    result["peak_flops"] = one.about["flops"] / found["seconds"]
                    self.versions["peak measured with"] = one.about["version"]
                    continue
                found["difference"] = distances.get(one.name)
                found["share_of_peak"] = result["flops"] / found["seconds"] / result["peak_flops"]
                result["contestants"][one.name] = found
                if one.about.get("version"):
                    self.versions[one.name.split()[0]] = one.about["version"]
            result["rounds"] = len(taking_part[0].times)
        return result


def mark_disturbed(rows):
    """Marks the rows in which other programs were running on processors that the contestants needed, or a thread had less
    than 80 % of the peak that it had at best."""
    peaks = {row["name"]: row["peak_flops"] / row["threads"] for row in rows if "error" not in row}
    for row in rows:
        row["disturbed"] = "error" not in row and (
            row["used_by_others"] > os.cpu_count() - row["threads"] + 0.1 or
            peaks[row["name"]] < 0.8 * max(peaks.values()))


def best_pytorch(row):
    """Name and result of the fastest way of PyTorch, or nothing."""
    ways = [(name, found) for name, found in row["contestants"].items() if name.startswith("pytorch")]
    return min(ways, key=lambda way: way[1]["seconds"], default=(None, None))


def peers_of(row):
    """What the library is compared with: pairs of a label and a result."""
    way, pytorch = best_pytorch(row)
    found = [(way, pytorch)] if pytorch else []
    return found + [(name, row["contestants"][name]) for name in ("onnxruntime", "eigen") if name in row["contestants"]]


def duration_text(seconds):
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def line_of(row):
    if "error" in row:
        return f"{row['name']}: {row['error']}"
    ours = row["contestants"]["multifuse"]
    parts = [f"multifuse {duration_text(ours['seconds'])}, {ours['share_of_peak']:.0%} of peak"]
    if half := row["contestants"].get("bf16"):
        parts.append(f"in bf16 {duration_text(half['seconds'])}, {half['share_of_peak']:.0%}")
    for label, peer in peers_of(row):
        parts.append(f"{label} {duration_text(peer['seconds'])}, {peer['share_of_peak']:.0%}, "
                     f"{peer['seconds'] / ours['seconds']:.2f}x")
    return f"{row['name']}: " + " | ".join(parts)


def table(rows):
    """Markdown; the factors say how many times as long the peer takes, and memory in brackets is what the process needs
    beyond an empty one that has loaded the library."""
    lines = ["| | peak, GFLOP/s | multifuse | PyTorch | factor | ONNX Runtime | factor | multifuse in bf16 | factor to ONNX Runtime "
             "| Eigen | memory, MB: multifuse | PyTorch | ONNX Runtime |", "|---|" + "---|" * 12]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['name']} | {row['error']} |" + " |" * 11)
            continue
        ours = row["contestants"]["multifuse"]
        way, pytorch = best_pytorch(row)
        onnx, eigen, half = (row["contestants"].get(name) for name in ("onnxruntime", "eigen", "bf16"))
        time_of = lambda found: f"{duration_text(found['seconds'])} ({found['share_of_peak']:.0%})" if found else ""
        factor = lambda found, to=ours: f"{found['seconds'] / to['seconds']:.2f}" if found and to else ""
        memory = lambda found: (f"{found['memory'] / 2**20:.0f} ({(found['memory'] - found['memory_before']) / 2**20:.0f})"
                                if found and row["kind"] != "gemm" else "")
        lines.append(f"| {row['name']}{'*' if row['disturbed'] else ''} | {row['peak_flops'] / 1e9:.0f} | {time_of(ours)} | {time_of(pytorch)}"
                     f"{' ' + way.split()[1] if way and row['kind'] != 'gemm' else ''} | {factor(pytorch)} "
                     f"| {time_of(onnx)} | {factor(onnx)} | {time_of(half)} | {factor(onnx, half)} | {time_of(eigen)} "
                     f"| {memory(ours)} | {memory(pytorch)} "
                     f"| {memory(onnx)} |")
    if any(row["disturbed"] for row in rows):
        lines += ["", "* disturbed by other programs; does not count for the means"]
    for kind in ("gemm", "inference", "training"):
        for label in ("pytorch", "onnxruntime"):
            factors = [peer["seconds"] / row["contestants"]["multifuse"]["seconds"] for row in rows
                       if row["kind"] == kind and "error" not in row and not row["disturbed"]
                       for name, peer in peers_of(row) if name.startswith(label)]
            if factors:
                lines.append("")
                lines.append(f"{kind}: {label} takes {statistics.geometric_mean(factors):.2f} times as long in the "
                             f"geometric mean, {min(factors):.2f} at least")
    return "\n".join(lines) + "\n"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def write(path, text):
    """All of it or nothing."""
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    rows = [row for row in all_rows() if re.search(options.filter, row.name)]
    if options.quick:
        rows = [row for row in rows if row.is_quick()]
    if not rows:
        sys.exit("compare.py: no row has such a name")
    comparison = Comparison(options)
    found = []
    for row in rows:
        try:
            found.append(comparison.measure(row))
        except Failure as problem:
            found.append({"name": row.name, "kind": row.kind, "error": str(problem)})
        print(line_of(found[-1]), flush=True)
        mark_disturbed(found)
        peaks = [one["peak_flops"] / one["threads"] for one in found if "error" not in one]
        whole = {"date": datetime.date.today().isoformat(), "processor": processor(), "processors": os.cpu_count(),
                 "peak_flops_of_a_thread": statistics.median(peaks) if peaks else None,
                 "versions": comparison.versions, "rows": found}
        write(options.out / "peers.json", json.dumps(whole, indent=1))
    heading = [f"{whole['processor']}, {whole['processors']} processors, {whole['date']}"]
    heading += [f"{name} {version}" for name, version in comparison.versions.items()]
    write(options.out / "peers.md", "; ".join(heading) + "\n\n" + table(found))
    print("\n" + (options.out / "peers.md").read_text())
    return 1 if any("error" in row for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
