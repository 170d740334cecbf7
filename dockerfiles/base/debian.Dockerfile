# The base image from Debian or Ubuntu packages alone: no registry, no network during the build.
# `root.tar` holds the essential packages' files, so that a shell and dpkg run; dpkg then installs
# them properly, and the rest after them.
FROM scratch AS installed
ADD root.tar /
COPY dpkg.cfg /etc/dpkg/dpkg.cfg.d/aml-emu
COPY apt.conf /etc/apt/apt.conf.d/aml-emu
COPY policy-rc.d /usr/sbin/policy-rc.d
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN --mount=type=bind,target=/mnt sh /mnt/install.sh && sh /mnt/finish.sh
COPY sources /etc/apt/sources.list.d/

# One layer without what was overwritten on the way.
FROM scratch
COPY --from=installed / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["bash"]
