# Installs the packages beside this script into a root that holds only the essential files.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8
here=$(dirname "$0")

mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates
touch /var/lib/dpkg/status /var/lib/dpkg/available

# --force-depends: within one call dpkg unpacks everything before it configures in order, and
# would otherwise refuse a package that comes before its own Pre-Depends.
dpkg --force-unsafe-io --force-depends --install "$here"/essential/*.deb
if [ -d "$here/others" ]; then
    dpkg --force-unsafe-io --force-depends --install "$here"/others/*.deb
fi
ldconfig
dpkg --audit
