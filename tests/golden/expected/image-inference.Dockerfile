# mine: rendered by aml-emu from an image with a Python of its own
FROM mine:1 AS tools
USER root
RUN --mount=type=bind,source=python.sh,target=/tmp/python.sh \
    --mount=type=bind,source=uv.py,target=/tmp/uv.py \
    --mount=type=cache,id=aml-emu-uv,target=/var/cache/aml-emu-uv \
    export PIP_CACHE_DIR=/var/cache/aml-emu-uv/pip \
 && python=$(sh /tmp/python.sh) \
 && folder=$("$python" -c 'import os; print(os.path.dirname(os.__file__))') \
 && ("$python" /tmp/uv.py 0.13.9 /opt/aml-emu-tools/bin || ( \
        wheel=$("$python" -c 'import pip' 2>/dev/null \
            || (ls "$folder"/ensurepip/_bundled/pip-*.whl || ls /usr/share/python-wheels/pip-*.whl) 2>/dev/null | tail -n 1) \
     && (PYTHONPATH=$wheel "$python" -c 'import pip' 2>/dev/null \
         || (echo "the Python of the base image has no pip and no ensurepip, which fetch the packages: install python3-venv or python3-pip in it" >&2; exit 1)) \
     && PYTHONPATH=$wheel "$python" -m pip install --quiet --no-compile --disable-pip-version-check --target /opt/aml-emu-tools uv==0.13.9))

FROM mine:1 AS groundwork
USER root
RUN (command -v runsvdir >/dev/null && command -v killall >/dev/null \
     || (apt-get update && apt-get install -y --no-install-recommends runit psmisc && rm -rf /var/lib/apt/lists/*)) \
 && (id dockeruser >/dev/null 2>&1 || useradd --create-home dockeruser) \
 && mkdir -p /home/dockeruser && chmod a+rwx /home/dockeruser
COPY root/ /
RUN mkdir -p /var/cache/aml-emu-pyc /run/aml-emu /var/azureml-app /var/runit \
 && ln -sfn /var/azureml-app /var/azureml-apps \
 && chmod -R a+rwX /var/cache/aml-emu-pyc /run/aml-emu /var/azureml-app /var/runit
WORKDIR /var/azureml-app

FROM groundwork
ENV AZUREML_ENVIRONMENT_IMAGE="True" \
    PYTHONPYCACHEPREFIX="/var/cache/aml-emu-pyc" \
    MODE="a b" \
    AZUREML_INFERENCE_SERVER_HTTP_ENABLED="True" \
    AML_APP_ROOT="/var/azureml-app" \
    SVDIR="/var/runit" \
    WORKER_TIMEOUT="300"
RUN --mount=type=bind,from=tools,source=/opt/aml-emu-tools,target=/opt/aml-emu-tools \
    --mount=type=bind,source=python.sh,target=/tmp/python.sh \
    --mount=type=cache,id=aml-emu-uv,target=/var/cache/aml-emu-uv \
    export UV_CACHE_DIR=/var/cache/aml-emu-uv UV_LINK_MODE=copy UV_PYTHON_INSTALL_DIR=/opt/python \
 && python=$(sh /tmp/python.sh) \
 && /opt/aml-emu-tools/bin/uv pip install --quiet --no-deps --python "$python" --target /opt/aml-emu/debugpy \
        "debugpy==1.8.22; python_version >= '3.10'" "debugpy==1.8.21; python_version < '3.10'" \
 && find /opt/aml-emu/debugpy '(' -name '*.c' -o -name '*.cpp' -o -name '*.pyx' -o -path '*/winappdbg/*' ')' -type f -delete
RUN ls /var/runit/*/run >/dev/null 2>&1 || (cp -R /opt/aml-emu/runit/. /var/runit/ && chmod -R a+rwX /var/runit)
EXPOSE 5001
USER dockeruser
CMD ["runsvdir", "/var/runit"]
