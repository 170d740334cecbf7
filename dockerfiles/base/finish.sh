# What every base image gets, whichever way its packages came.
set -eu

id dockeruser >/dev/null 2>&1 || useradd --create-home dockeruser
# Azure's images have one line here, which the server's banner shows.
[ -s /IMAGE_INFORMATION ] || (. /etc/os-release && echo "aml-emu/base, $PRETTY_NAME") >/IMAGE_INFORMATION

rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -rf /var/cache/ldconfig/aux-cache /tmp/*
find /var/log -type f -delete
