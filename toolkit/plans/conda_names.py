"""What a conda package is called on PyPI, for the strict pip-only mode. A table, tested as one.

Names on neither list are taken to be the same on PyPI, as they are for nearly every package in
Azure's own curated conda files; a wrong guess fails when the lock is made, naming the package.
"""

from __future__ import annotations

from typing import Final

RENAMED: Final = {
    "dask-core": "dask",
    "faiss-cpu": "faiss-cpu",
    "gitpython": "GitPython",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pytables": "tables",
    "pyqt": "PyQt5",
    "python-blosc": "blosc",
    "python-dateutil": "python-dateutil",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "pytorch-lightning": "pytorch-lightning",
    "seaborn-base": "seaborn",
    "sqlalchemy": "SQLAlchemy",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "uwsgi": "uWSGI",
}

BUNDLED: Final = frozenset(
    {
        "_libgcc_mutex", "_openmp_mutex", "blas", "blosc", "bzip2", "ca-certificates", "cpuonly",
        "cuda-toolkit", "cudatoolkit", "cudnn", "expat", "freetype", "icu", "intel-openmp", "jpeg",
        "ld_impl_linux-64", "libblas", "libcblas", "libexpat", "libffi", "libgcc", "libgcc-ng",
        "libgfortran-ng", "libgfortran5", "libgomp", "liblapack", "libnsl", "libopenblas", "libpng",
        "libsqlite", "libstdcxx", "libstdcxx-ng", "libuuid", "libxcrypt", "libzlib", "llvm-openmp",
        "lz4-c", "mkl", "mkl-service", "nccl", "ncurses", "nomkl", "openblas", "openssl",
        "python_abi", "pytorch-cuda", "pytorch-mutex", "readline", "snappy", "sqlite", "tbb", "tk",
        "tzdata", "xz", "zlib", "zstd",
    }
)  # fmt: skip
"""Runtime libraries that wheels bring themselves: left out, and said."""

PROGRAMS: Final = {
    "compilers": "build-essential",
    "cmake": "cmake",
    "cxx-compiler": "g++",
    "ffmpeg": "ffmpeg",
    "gcc": "gcc",
    "gdal": "gdal-bin",
    "git": "git",
    "git-lfs": "git-lfs",
    "graphviz": "graphviz",
    "gxx": "g++",
    "make": "make",
    "mpich": "mpich",
    "nodejs": "nodejs",
    "openjdk": "default-jre-headless",
    "openmpi": "openmpi-bin",
    "pandoc": "pandoc",
    "poppler": "poppler-utils",
    "r-base": "r-base-core",
    "tesseract": "tesseract-ocr",
    "wget": "wget",
}
"""Programs, which PyPI does not have: refused, with the Debian package that has them."""
