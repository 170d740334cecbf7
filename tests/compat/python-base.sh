#!/usr/bin/env bash
# Makes a base image with another Python in it, from an interpreter of this machine that pyenv
# has built: the same files at the same path, on top of aml-emu/base.
#   python-base.sh 3.8  ->  aml-emu-test-python:3.8
# Exits 77 where there is no such interpreter.
set -euo pipefail

root=${PYENV_ROOT:-$HOME/.pyenv}
tree=$(find "$root/versions" -maxdepth 1 -name "$1.*" 2>/dev/null | sort -V | tail -n 1)
if [ -z "$tree" ]; then
  echo "skipped: no Python $1 in $root/versions" >&2
  exit 77
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
tar -C / -cf "$context/python.tar" --exclude='__pycache__' --exclude='lib/python*/test' \
  --exclude='lib/python*/idlelib' --exclude='*.a' "${tree#/}"
cat >"$context/Dockerfile" <<DOCKERFILE
FROM aml-emu/base
ADD python.tar /
RUN chmod a+x /root && ln -s $tree/bin/python$1 /usr/local/bin/python$1 && python$1 -c 'import ssl, ctypes'
DOCKERFILE
docker build --quiet --tag "aml-emu-test-python:$1" "$context" >&2
echo "aml-emu-test-python:$1"
