"""A lock in two parts: what nearly every environment has or what is large, and all the rest.

Each has a layer, so that one small package more costs little. The lists decide nothing but speed;
the parts follow from the lock alone, as the image must.
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
# The inference server, what conda puts beside pip, and what these and the most usual of the large
# ones bring along: in a lock because of them, and changed together with them.
USUAL: Final = frozenset(
    {
        "annotated-types", "azure-core", "azure-identity", "azure-monitor-opentelemetry-exporter",
        "azureml-core", "azureml-dataset-runtime", "azureml-defaults",
        "azureml-inference-server-http", "azureml-mlflow", "blinker", "certifi", "cffi",
        "charset-normalizer", "click", "cloudpickle", "contextlib2", "cryptography", "debugpy",
        "deprecated", "fixedint", "flask", "flask-cors", "gunicorn", "idna", "importlib-metadata",
        "inference-schema", "isodate", "itsdangerous", "jinja2", "joblib", "markupsafe", "msal",
        "msal-extensions", "msrest", "oauthlib", "opencensus", "opencensus-context",
        "opencensus-ext-azure", "opentelemetry-api", "opentelemetry-sdk",
        "opentelemetry-semantic-conventions", "packaging", "pip", "psutil", "pycparser", "pydantic",
        "pydantic-core", "pydantic-settings", "pyjwt", "python-dateutil", "python-dotenv", "pytz",
        "requests", "requests-oauthlib", "setuptools", "threadpoolctl", "typing-extensions",
        "typing-inspection", "tzdata", "urllib3", "waitress", "werkzeug", "wheel", "wrapt", "zipp",
    }
)  # fmt: skip
_FAMILIES: Final = re.compile(r"nvidia-|tensorflow-|torch-")


def parts_of(lock: str) -> tuple[str, str]:
    """Both parts, each with the lock's options; empty where there is nothing to install."""
    lines = [line for line in lock.splitlines() if not line.startswith("#")]
    options = [line for line in lines if line.startswith("-")]
    packages = [line for line in lines if line.strip() and not line.startswith("-")]
    common = [line for line in packages if _is_common(line)]
    further = [line for line in packages if not _is_common(line)]
    first, second = ("\n".join((*options, *part)) + "\n" for part in (common, further))
    return first if common else "", second if further else ""


def _is_common(line: str) -> bool:
    name = re.split(r"[\s=<>@;\[#]", line.strip(), maxsplit=1)[0]
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    return canonical in HEAVY or canonical in USUAL or bool(_FAMILIES.match(canonical))
