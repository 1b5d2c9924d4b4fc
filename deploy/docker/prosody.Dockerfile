# Prosody of Debian, with the community modules: mod_privilege is one of them.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends prosody prosody-modules && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/prosody-start.sh /usr/local/bin/
USER prosody
ENTRYPOINT ["sh", "/usr/local/bin/prosody-start.sh"]
