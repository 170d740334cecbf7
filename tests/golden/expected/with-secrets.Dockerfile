# iris: rendered by aml-emu from env.yml
FROM aml-emu/base AS tools
USER root
RUN --mount=type=bind,source=python.sh,target=/tmp/python.sh \
    --mount=type=bind,source=uv.py,target=/tmp/uv.py \
    --mount=type=cache,id=aml-emu-uv,target=/var/cache/aml-emu-uv \
    --mount=type=secret,id=ca,target=/run/aml-emu-ca.crt,mode=0444 \
    --mount=type=secret,id=feeds,target=/run/aml-emu-uv.toml,mode=0444 \
    --mount=type=secret,id=pip,target=/run/aml-emu-pip.conf,mode=0444 \
    export PIP_CACHE_DIR=/var/cache/aml-emu-uv/pip SSL_CERT_FILE=/run/aml-emu-ca.crt PIP_CERT=/run/aml-emu-ca.crt REQUESTS_CA_BUNDLE=/run/aml-emu-ca.crt UV_CONFIG_FILE=/run/aml-emu-uv.toml PIP_CONFIG_FILE=/run/aml-emu-pip.conf \
 && python=$(sh /tmp/python.sh) \
 && folder=$("$python" -c 'import os; print(os.path.dirname(os.__file__))') \
 && ("$python" /tmp/uv.py 0.13.9 /opt/aml-emu-tools/bin || ( \
        wheel=$("$python" -c 'import pip' 2>/dev/null \
            || (ls "$folder"/ensurepip/_bundled/pip-*.whl || ls /usr/share/python-wheels/pip-*.whl) 2>/dev/null | tail -n 1) \
     && (PYTHONPATH=$wheel "$python" -c 'import pip' 2>/dev/null \
         || (echo "the Python of the base image has no pip and no ensurepip, which fetch the packages: install python3-venv or python3-pip in it" >&2; exit 1)) \
     && PYTHONPATH=$wheel "$python" -m pip install --quiet --no-compile --disable-pip-version-check --target /opt/aml-emu-tools uv==0.13.9)) \
 && export UV_CACHE_DIR=/var/cache/aml-emu-uv UV_LINK_MODE=copy UV_PYTHON_INSTALL_DIR=/opt/python SSL_CERT_FILE=/run/aml-emu-ca.crt PIP_CERT=/run/aml-emu-ca.crt REQUESTS_CA_BUNDLE=/run/aml-emu-ca.crt UV_CONFIG_FILE=/run/aml-emu-uv.toml PIP_CONFIG_FILE=/run/aml-emu-pip.conf \
 && /opt/aml-emu-tools/bin/uv pip install --quiet --no-deps --python "$python" --python-version 3.11 --target /opt/aml-emu/debugpy \
        "debugpy==1.8.22; python_version >= '3.10'" "debugpy==1.8.21; python_version < '3.10'" \
 && find /opt/aml-emu/debugpy '(' -name '*.c' -o -name '*.cpp' -o -name '*.pyx' -o -path '*/winappdbg/*' ')' -type f -delete

FROM aml-emu/base AS groundwork
USER root
RUN (command -v runsvdir >/dev/null && command -v killall >/dev/null \
     || (apt-get update && apt-get install -y --no-install-recommends runit psmisc && rm -rf /var/lib/apt/lists/*)) \
 && rm -rf /var/runit \
 && (id dockeruser >/dev/null 2>&1 || useradd --create-home dockeruser) \
 && mkdir -p /home/dockeruser && chmod a+rwx /home/dockeruser
COPY root/ /
RUN mkdir -p /var/cache/aml-emu-pyc /run/aml-emu /var/azureml-app /var/runit \
 && ln -sfn /var/azureml-app /var/azureml-apps \
 && chmod -R a+rwX /var/cache/aml-emu-pyc /run/aml-emu /var/azureml-app /var/runit
COPY --from=tools /opt/aml-emu/debugpy /opt/aml-emu/debugpy
WORKDIR /var/azureml-app

FROM groundwork
ENV AZUREML_CONDA_ENVIRONMENT_PATH="/azureml-envs/iris" \
    AZUREML_ENVIRONMENT_IMAGE="True" \
    PYTHONPYCACHEPREFIX="/var/cache/aml-emu-pyc" \
    AZUREML_INFERENCE_SERVER_HTTP_ENABLED="True" \
    AML_APP_ROOT="/var/azureml-app" \
    SVDIR="/var/runit" \
    WORKER_TIMEOUT="300" \
    PATH=/azureml-envs/iris/bin:$PATH \
    LD_LIBRARY_PATH=/azureml-envs/iris/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
RUN --mount=type=bind,from=tools,source=/opt/aml-emu-tools,target=/opt/aml-emu-tools \
    --mount=type=bind,source=common.lock,target=/tmp/common.lock \
    --mount=type=cache,id=aml-emu-uv,target=/var/cache/aml-emu-uv \
    --mount=type=secret,id=ca,target=/run/aml-emu-ca.crt,mode=0444 \
    --mount=type=secret,id=feeds,target=/run/aml-emu-uv.toml,mode=0444 \
    --mount=type=secret,id=pip,target=/run/aml-emu-pip.conf,mode=0444 \
    export UV_CACHE_DIR=/var/cache/aml-emu-uv UV_LINK_MODE=copy UV_PYTHON_INSTALL_DIR=/opt/python SSL_CERT_FILE=/run/aml-emu-ca.crt PIP_CERT=/run/aml-emu-ca.crt REQUESTS_CA_BUNDLE=/run/aml-emu-ca.crt UV_CONFIG_FILE=/run/aml-emu-uv.toml PIP_CONFIG_FILE=/run/aml-emu-pip.conf UV_INDEX_STRATEGY=unsafe-best-match \
 && (/opt/aml-emu-tools/bin/uv python find --quiet 3.11 || /opt/aml-emu-tools/bin/uv python install --quiet 3.11 \
     || (echo "the base image has no Python 3.11 and none could be downloaded: pin the base's own, or choose another base" >&2; exit 1)) \
 && /opt/aml-emu-tools/bin/uv venv --quiet --python 3.11 /azureml-envs/iris \
 && /opt/aml-emu-tools/bin/uv pip install --no-deps --python /azureml-envs/iris/bin/python --requirement /tmp/common.lock \
 && (/azureml-envs/iris/bin/python -IB -c 'import ctypes; ctypes.CDLL("libstdc++.so.6")' 2>/dev/null \
     || ! grep -rqs --include='*.so*' 'libstdc++\.so\.6' /azureml-envs/iris/lib \
     || (echo "the base image has no libstdc++.so.6, which compiled packages of this environment need: install libstdc++6 in it" >&2; exit 1))
EXPOSE 5001
USER dockeruser
CMD ["runsvdir", "/var/runit"]
