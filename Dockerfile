# docker build -t mlaudit . && docker run --rm -v "$PWD:/src:ro" mlaudit scan .
FROM python:3.13-slim AS build
COPY . /build
RUN python -m venv /opt/mlaudit && /opt/mlaudit/bin/python -m pip install --no-cache-dir --disable-pip-version-check "/build[cel]"

FROM python:3.13-slim
# git reads what `--diff` and `--base` compare with; a mounted repository belongs to somebody else.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*'
COPY --from=build /opt/mlaudit /opt/mlaudit
ENV PATH=/opt/mlaudit/bin:$PATH
WORKDIR /src
USER 65532:65532
ENTRYPOINT ["mlaudit"]
