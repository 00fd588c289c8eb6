"""Linear layers in 8-bit integers: weights scaled by output channel, activations by word piece, as they come.

onnxruntime's own dynamic quantization takes one scale for a whole batch: a post's label hangs on the posts beside it.
Here each word piece has a scale of its own (https://arxiv.org/abs/2206.01861), so the answer is the post's alone. The
product is onnxruntime's ``MatMulIntegerToFloat`` all the same. Embeddings are 8-bit by row, to save memory.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

LEVELS = 127  # each side of 0
DOMAIN = "com.microsoft"  # onnxruntime's own operators
SMALLEST = 1e-8  # a row of zeros has no scale

Floats = NDArray[np.float32]


def quantize_layers(model: onnx.ModelProto) -> int:
    """Quantize a model in its place: products with constant matrices, and embedding tables; return how many."""
    rewriting = _Rewriting(model.graph)
    for node in list(model.graph.node):
        rewriting.take(node)
    rewriting.finish()
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return rewriting.replaced


class _Rewriting:
    """Nodes and constants of the graph to be; each activation is quantized once, however many layers read it."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {one.name: one for one in graph.initializer}
        self._nodes: list[onnx.NodeProto] = []
        self._quantized: dict[str, tuple[str, str]] = {}
        self.replaced = 0
        self._constant("levels", np.array(LEVELS, np.float32))
        self._constant("smallest", np.array(SMALLEST, np.float32))
        self._constant("one", np.array(1, np.float32))
        self._constant("one_level", np.array(1 / LEVELS, np.float32))
        self._constant("middle", np.array(LEVELS + 1, np.uint8))
        self._constant("last_axis", np.array([-1], np.int64))

    def take(self, node: onnx.NodeProto) -> None:
        """Add a node as it is, or what stands for it."""
        if node.op_type in ("MatMul", "Gemm") and (weight := self._matrix(node.input[1])) is not None:
            transposed = any(one.name == "transB" and one.i for one in node.attribute)
            self._linear(node, weight.T if transposed else weight)
        elif node.op_type == "Gather" and (table := self._matrix(node.input[0])) is not None:
            self._embedding(node, table)
        else:
            self._nodes.append(node)

    def finish(self) -> None:
        """Give the graph its new nodes, and the constants that they read."""
        read = {name for node in self._nodes for name in node.input}
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(self._nodes)
        self._graph.initializer.extend(one for name, one in self._constants.items() if name in read)

    def _matrix(self, name: str) -> Floats | None:
        found = self._constants.get(name)
        is_matrix = found is not None and len(found.dims) == 2 and found.data_type == onnx.TensorProto.FLOAT
        return numpy_helper.to_array(found) if found is not None and is_matrix else None

    def _linear(self, node: onnx.NodeProto, weight: Floats) -> None:
        """``x @ weight + bias`` for x of shape (..., inputs) and weight of shape (inputs, outputs)."""
        integers, scale = _by_axis(weight, axis=0)
        activation, largest = self._activation(node.input[0])
        name, (output,) = node.name, node.output
        inputs = [
            activation,
            self._constant(f"{name}_integers", integers),
            "one_level",
            self._constant(f"{name}_scale", scale.ravel()),
            "middle",
        ]
        product = self._add("MatMulIntegerToFloat", inputs, f"{name}_product", domain=DOMAIN)
        bias = list(node.input[2:])
        self._add("Mul", [product, largest], f"{name}_scaled" if bias else output)
        if bias:
            self._add("Add", [f"{name}_scaled", *bias], output)
        self.replaced += 1

    def _activation(self, name: str) -> tuple[str, str]:
        """Return the activation in integers and the largest absolute value of each row, shape (..., 1)."""
        if name not in self._quantized:
            absolute = self._add("Abs", [name], f"{name}_absolute")
            reduced = self._add("ReduceMax", [absolute, "last_axis"], f"{name}_reduced", keepdims=1)
            largest = self._add("Max", [reduced, "smallest"], f"{name}_largest")
            factor = self._add("Div", ["levels", largest], f"{name}_factor")
            scaled = self._add("Mul", [name, factor], f"{name}_in_levels")
            integers = self._add("QuantizeLinear", [scaled, "one", "middle"], f"{name}_integers")
            self._quantized[name] = integers, largest
        return self._quantized[name]

    def _embedding(self, node: onnx.NodeProto, table: Floats) -> None:
        integers, scale = _by_axis(table, axis=1)
        name, ids, (output,) = node.name, node.input[1], node.output
        rows = self._add("Gather", [self._constant(f"{name}_integers", integers), ids], f"{name}_rows")
        scales = self._add("Gather", [self._constant(f"{name}_scale", scale), ids], f"{name}_scales")
        floats = self._add("Cast", [rows], f"{name}_floats", to=onnx.TensorProto.FLOAT)
        self._add("Mul", [floats, scales], output)
        self.replaced += 1

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


def _by_axis(matrix: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """Return integers and scales whose product is the matrix; there is a scale for each slice along ``axis``."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), SMALLEST).astype(np.float32) / LEVELS
    return np.rint(matrix / scale).astype(np.int8), scale
