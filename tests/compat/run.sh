#!/usr/bin/env bash
# Runs flow.py on another engine, which runs inside a container of this one with a network of its
# own. Needs root (its namespace is entered), mmdebstrap and a network; not run by default.
#   tests/compat/run.sh docker-forky|podman-bookworm|podman-forky [PYTHON]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kind=$1
python=${2:-3.11}
name=aml-emu-test-engine-$kind
image=aml-emu-test-$kind
shared=/tmp/$name

docker image inspect "$image" >/dev/null 2>&1 || "$here/engine-image.sh" "$kind"
finish() {
  env -u DOCKER_HOST docker logs "$name" >"/tmp/$name.log" 2>&1 || true
  env -u DOCKER_HOST docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  env -u DOCKER_HOST docker volume rm "$name" >/dev/null 2>&1 || true
  rm -rf "$shared"
}
trap finish EXIT
mkdir -p "$shared"

case "$kind" in
  docker-*)
    storage=/var/lib/docker
    start="exec dockerd --host unix://$shared/engine.sock"
    ;;
  podman-*)
    storage=/var/lib/containers
    # crun refuses some cgroup set-ups, and there is no journal to log events to
    start="printf '[containers]\ndefault_ulimits=[\"nofile=4096:4096\",\"nproc=4096:4096\"]\n[engine]\nruntime=\"runc\"\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"file\"\n' >/etc/containers/containers.conf
      exec podman system service --time 0 unix://$shared/engine.sock"
    ;;
esac
docker run --detach --name "$name" \
  --cap-add ALL --cap-drop SYS_RESOURCE --security-opt seccomp=unconfined \
  --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
  --cgroupns host --volume /sys/fs/cgroup:/sys/fs/cgroup:rw --device-cgroup-rule 'a *:* rwm' \
  --volume "$name:$storage" --volume "$shared:$shared" \
  "$image" sh -c "mount --make-rshared / && mount -o remount,rw /sys; $start" >/dev/null

export DOCKER_HOST=unix://$shared/engine.sock TMPDIR=$shared
for _ in $(seq 150); do
  curl --silent --fail --unix-socket "$shared/engine.sock" http://engine/_ping >/dev/null 2>&1 && break
  sleep 0.2
done
env -u DOCKER_HOST docker save aml-emu/base:latest >"$shared/base.tar"
curl --silent --fail --unix-socket "$shared/engine.sock" --request POST \
  --header 'Content-Type: application/x-tar' --upload-file "$shared/base.tar" \
  "http://engine/images/load" >/dev/null
rm "$shared/base.tar"

inside=$(env -u DOCKER_HOST docker inspect --format '{{.State.Pid}}' "$name")
nsenter --net --target "$inside" "${PYTHON:-$here/../../.venv/bin/python}" "$here/flow.py" "$python" --prune
