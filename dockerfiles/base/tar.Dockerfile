# The base image from somebody's root file system.
FROM scratch AS unpacked
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN --mount=type=bind,target=/mnt sh /mnt/finish.sh

FROM scratch
COPY --from=unpacked / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["bash"]
