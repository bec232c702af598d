"""A peer as a contestant: worker.py PEER inference|training|product WHAT BATCH THREADS FOLDER

PEER is eager, compile, jit (of PyTorch) or onnxruntime; WHAT is family/size, or for `product` linear/196x768x768 and the
like. FOLDER is what models.py wrote. Answers the commands that worker.hpp explains.
"""
import json
import pathlib
import sys
import time


def peak_memory():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def settle():
    """The peak counts from here on: what loading and compiling took is past."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


class TorchModel:
    """PyTorch computes logits."""

    def __init__(self, peer, what, batch, threads, folder):
        import torch
        self.version, self.memory = torch.__version__, peak_memory()
        torch.set_num_threads(threads)
        import models
        model = models.build(*what.split("/")).eval()
        self.inputs = models.inputs(what.split("/")[1], batch)[:2]
        self.guard = torch.inference_mode
        if peer == "jit":
            with torch.no_grad():
                model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, self.inputs)))
        elif peer == "compile":
            import torch._inductor.config
            torch._inductor.config.freezing = True  # weights are constants, which may be packed
            self.guard = torch.no_grad
            model = torch.compile(model, dynamic=False)
        self.model = model

    def run(self, count):
        with self.guard():
            for _ in range(count):
                self.logits = self.model(*self.inputs)

    def output(self):
        self.run(1)
        return self.logits.numpy()


class TorchTraining:
    """PyTorch takes steps of AdamW."""

    def __init__(self, peer, what, batch, threads, folder):
        import torch
        import torch.nn.functional as F
        self.version, self.memory = torch.__version__, peak_memory()
        torch.set_num_threads(threads)
        import models
        model = models.build(*what.split("/")).train()
        *patches, labels = models.inputs(what.split("/")[1], batch)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.01,
                                      fused=True)
        compute = torch.compile(model, dynamic=False) if peer == "compile" else model

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(compute(*patches), labels)
            loss.backward()
            optimizer.step()
            return loss.item()
        self.step = step

    def run(self, count):
        for _ in range(count):
            self.step()

    def losses(self, count):
        return [self.step() for _ in range(count)]


class OnnxModel:
    """ONNX Runtime computes logits from a graph that PyTorch exported."""

    def __init__(self, _, what, batch, threads, folder):
        import numpy
        import onnxruntime
        self.version, self.memory = onnxruntime.__version__, peak_memory()
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", session_options(threads),
                                                    providers=["CPUExecutionProvider"])
        stored = numpy.load(folder / "inputs.npz")
        self.feed = {name: stored[name] for name in ("video", "audio")}

    def run(self, count):
        for _ in range(count):
            self.logits = self.session.run(None, self.feed)[0]

    def output(self):
        self.run(1)
        return self.logits


def session_options(threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def extents(what):
    """Of linear/196x768x768 (tokens, inputs, outputs), scores/... or values/... (batch, rows, inner, columns)."""
    kind, numbers = what.split("/")
    numbers = [int(n) for n in numbers.split("x")]
    return kind, numbers if len(numbers) == 4 else [1, *numbers]


class TorchProduct:
    def __init__(self, _, what, __, threads, folder):
        import torch
        self.version, self.memory = torch.__version__, peak_memory()
        torch.set_num_threads(threads)
        kind, (batch, rows, inner, columns) = extents(what)
        if kind == "linear":
            x, w, y = torch.randn(rows, inner), torch.randn(columns, inner), torch.empty(rows, columns)
            self.call = lambda: torch.mm(x, w.t(), out=y)
        else:
            a, y = torch.randn(batch, rows, inner), torch.empty(batch, rows, columns)
            b = torch.randn(batch, columns, inner).transpose(1, 2) if kind == "scores" else torch.randn(batch, inner, columns)
            self.call = lambda: torch.bmm(a, b, out=y)
        self.guard = torch.inference_mode

    def run(self, count):
        with self.guard():
            for _ in range(count):
                self.call()


class OnnxProduct:
    """A graph of one product; weights are constants."""

    def __init__(self, _, what, __, threads, folder):
        import numpy
        import onnx
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper
        self.version, self.memory = onnxruntime.__version__, peak_memory()
        kind, (batch, rows, inner, columns) = extents(what)
        lead = [] if kind == "linear" else [batch]
        random = numpy.random.default_rng(1)
        draw = lambda *shape: random.standard_normal(shape).astype(numpy.float32)
        values = {"a": draw(*lead, rows, inner), "b": draw(*lead, inner, columns)}
        constants = [numpy_helper.from_array(values.pop("b"), "b")] if kind == "linear" else []
        declare = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "product",
                                  [declare(name, value.shape) for name, value in values.items()],
                                  [declare("y", [*lead, rows, columns])], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), session_options(threads),
                                                    providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in values.values()]
        for name, value in zip(values, self.values):
            self.binding.bind_ortvalue_input(name, value)
        self.result = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.empty([*lead, rows, columns], numpy.float32))
        self.binding.bind_ortvalue_output("y", self.result)

    def run(self, count):
        for _ in range(count):
            self.session.run_with_iobinding(self.binding)


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    peer, mode, what, batch, threads, folder = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    reply = lambda text: print(text, file=answers, flush=True)
    kind = {("inference", True): OnnxModel, ("inference", False): TorchModel, ("training", False): TorchTraining,
            ("product", True): OnnxProduct, ("product", False): TorchProduct}[mode, peer == "onnxruntime"]
    one = kind(peer, what, int(batch), int(threads), pathlib.Path(folder))
    reply(json.dumps({"version": one.version, "memory": one.memory}))
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "run":
            start = time.perf_counter()
            one.run(int(argument))
            reply(time.perf_counter() - start)
        elif command == "settle":
            reply(settle())
        elif command == "peak":
            reply(peak_memory())
        elif command == "output":
            values = one.output()
            values.tofile(argument)
            reply(values.size)
        elif command == "losses":
            reply(" ".join(map(repr, one.losses(int(argument)))))
        else:
            sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main()
