"""Which packages go into a layer of their own: large ones, so that a small one more costs little.

The list decides nothing but speed. It follows from the lock alone, as the image must.
"""

from __future__ import annotations

import re
from typing import Final

# 20 MB and more once installed, by the wheels for Linux on pypi.org.
HEAVY: Final = frozenset(
    {
        "apache-beam", "bokeh", "botocore", "catboost", "cudf-cu12", "cupy-cuda12x", "cvxpy",
        "datasets", "deepspeed", "faiss-cpu", "fastparquet", "gensim", "grpcio", "h5py", "jax",
        "jaxlib", "lightgbm", "llvmlite", "matplotlib", "mlflow", "mxnet", "nltk", "numba", "numpy",
        "onnx", "onnxruntime", "onnxruntime-gpu", "opencv-python", "opencv-python-headless",
        "openvino", "pandas", "paddlepaddle", "plotly", "polars", "prophet", "pyarrow", "pyspark",
        "pystan", "ray", "rdkit", "scikit-image", "scikit-learn", "scipy", "shap", "spacy",
        "statsmodels", "sympy", "tensorboard", "tensorflow", "tensorflow-cpu", "tensorrt",
        "tokenizers", "torch", "torchaudio", "torchvision", "transformers", "triton", "vllm", "vtk",
        "xgboost",
    }
)  # fmt: skip
_FAMILIES: Final = re.compile(r"nvidia-|tensorflow-|torch-")


def heavy_part(lock: str) -> str:
    """The lines of a lock that name large packages, with its options; empty if there are none."""
    lines = lock.splitlines()
    heavy = [line for line in lines if _is_heavy(line)]
    if not heavy:
        return ""
    options = [line for line in lines if line.startswith("-")]
    return "\n".join((*options, *heavy)) + "\n"


def _is_heavy(line: str) -> bool:
    name = re.split(r"[\s=<>@;\[#]", line.strip(), maxsplit=1)[0]
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    return canonical in HEAVY or bool(_FAMILIES.match(canonical))
