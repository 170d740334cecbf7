#!/bin/sh
# Prints the Python of this image: the one that is named, that of Azure ML's environment, that of
# an active conda, the first on PATH, or one of a conda where images usually have it.

named=${1:-}
if [ -n "$named" ] && [ ! -x "$named" ]; then
    echo "the image has no $named" >&2
    exit 1
fi
for python in "$named" \
    "${AZUREML_CONDA_ENVIRONMENT_PATH:-}/bin/python" "${CONDA_PREFIX:-}/bin/python" \
    "$(command -v python3)" "$(command -v python)" \
    /opt/miniconda/bin/python /opt/conda/bin/python; do
    if [ "$python" = /bin/python ] || [ ! -x "$python" ]; then
        continue
    fi
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
        echo "$python"
        exit 0
    fi
    echo "$python is $("$python" -V 2>&1): the debugger needs Python 3.8 or newer" >&2
    exit 1
done
echo "the image has no Python" >&2
exit 1
