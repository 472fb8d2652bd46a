FROM python:3.11-slim
WORKDIR /sixfold
COPY pyproject.toml README.md ./
COPY runtime runtime
COPY wire wire
COPY volume volume
COPY engine engine
COPY failover failover
COPY endpoints endpoints
COPY cluster cluster
RUN pip install --no-cache-dir .
RUN useradd --system sixfold && mkdir /config /state && chown sixfold /config /state
USER sixfold
VOLUME ["/config", "/state"]
ENTRYPOINT ["sixfold"]
