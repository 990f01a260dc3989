"""Writes a fitted model as ONNX: one tree ensemble, its calibration folded in.

skl2onnx cannot do it today: it writes a leaf's missing-value flag as a boolean, which
current protobuf refuses in a list of integers.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from demo.models import Model

# Fixed rather than newest, so that runtimes of several years can load the model.
_ML_OPSET = 3
_OPSET = 17
_IR_VERSION = 8


def to_onnx(model: Model) -> bytes:
    """Serialise the model: float32 [n, features] in; label and float32 [n, 2] out.

    The second column of `probabilities` is the probability of arriving late.
    """
    document: bytes = _graph(model).SerializeToString()
    return document


def _graph(model: Model) -> onnx.ModelProto:
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["features"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        name="trees",
        classlabels_int64s=[0, 1],
        post_transform="LOGISTIC",
        **_trees(model),
    )
    width = len(model.recipe.features)
    graph = helper.make_graph(
        [node],
        f"flight-delay-{model.recipe.name}",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, [None, 2]
            ),
        ],
    )
    document = helper.make_model(
        graph,
        producer_name="demo.onnx_export",
        ir_version=_IR_VERSION,
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid("ai.onnx.ml", _ML_OPSET),
        ],
    )
    onnx.checker.check_model(document)
    return document


def _trees(model: Model) -> dict[str, Any]:
    """Return the attributes of the ensemble, one entry a node or one a leaf."""
    predictors = model.classifier._predictors  # noqa: SLF001 scikit-learn shows its trees nowhere else
    trees = [tree.nodes for (tree,) in predictors]
    nodes = np.concatenate(trees)
    tree_ids = np.repeat(np.arange(len(trees)), [len(tree) for tree in trees])
    node_ids = np.concatenate([np.arange(len(tree)) for tree in trees])
    is_leaf = nodes["is_leaf"].astype(bool)
    leaves = int(is_leaf.sum())
    baseline = float(model.classifier._baseline_prediction.item())  # noqa: SLF001 as above

    def of_branches(column: npt.NDArray[np.generic]) -> list[int]:
        numbers: list[int] = np.where(is_leaf, 0, column).astype(np.int64).tolist()
        return numbers

    return {
        "base_values": [model.slope * baseline + model.intercept],
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_featureids": of_branches(nodes["feature_idx"]),
        "nodes_values": _rounded_down(
            np.where(is_leaf, 0.0, nodes["num_threshold"])
        ).tolist(),
        "nodes_truenodeids": of_branches(nodes["left"]),
        "nodes_falsenodeids": of_branches(nodes["right"]),
        "nodes_missing_value_tracks_true": of_branches(nodes["missing_go_to_left"]),
        "class_treeids": tree_ids[is_leaf].tolist(),
        "class_nodeids": node_ids[is_leaf].tolist(),
        "class_ids": [0] * leaves,
        "class_weights": (model.slope * nodes["value"][is_leaf]).tolist(),
    }


def _rounded_down(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the nearest float32 not above: a float32 feature takes the same branch."""
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)
