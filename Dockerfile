# dlgn_tf on CPUs. The default command is tools/demo.
#
#   docker build -t dlgn_tf .
#   docker run --rm --user "$(id -u)" -v "$PWD/runs:/home/reader/runs" dlgn_tf
#   docker run --rm dlgn_tf python -m dlgn_tf.train --list_models
FROM python:3.12-slim

# Of setup.cfg, comma-separated in brackets: --build-arg EXTRAS=[notebook,onnx].
ARG EXTRAS=""
ENV DLGN_TF_VENV=/opt/dlgn_tf \
    PATH=/opt/dlgn_tf/bin:$PATH

WORKDIR /opt/source
COPY . .
# The copy tells tools/setup that the package is there.
RUN python -m venv "$DLGN_TF_VENV" \
    && "$DLGN_TF_VENV/bin/pip" install --no-cache-dir ".$EXTRAS" \
    && cp setup.cfg "$DLGN_TF_VENV/dlgn_tf.installed" \
    && rm -rf build ./*.egg-info

RUN useradd --create-home reader && mkdir /home/reader/runs \
    && chown reader /home/reader/runs
USER reader
WORKDIR /home/reader
CMD ["/opt/source/tools/demo"]
