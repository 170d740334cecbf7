#!/usr/bin/env bash
# Makes an image of Debian with another Docker engine or Podman in it, to be run inside this one.
#   engine-image.sh docker-forky|podman-bookworm|podman-forky
set -euo pipefail

case "$1" in
  docker-forky) suite=forky packages=docker.io,containerd,runc,iptables,ca-certificates,iproute2 ;;
  podman-bookworm) suite=bookworm packages=podman,runc,catatonit,iptables,ca-certificates,iproute2,containernetworking-plugins ;;
  podman-forky) suite=forky packages=podman,runc,catatonit,iptables,nftables,ca-certificates,iproute2,netavark,aardvark-dns ;;
  *) echo "unknown: $1" >&2; exit 2 ;;
esac
mmdebstrap --variant=minbase --quiet --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" - | docker import - "aml-emu-test-$1" >&2
echo "aml-emu-test-$1"
