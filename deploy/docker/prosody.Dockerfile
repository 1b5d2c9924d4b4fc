# Prosody of Debian, with the community modules: mod_privilege is one of them.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Prosody for stanzahook" org.opencontainers.image.description="Prosody of Debian with mod_privilege"
RUN apt-get update && apt-get install -y --no-install-recommends prosody prosody-modules openssl && install -d -o prosody -g prosody -m 750 /run/stanzahook && chmod 755 /run/stanzahook && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/prosody-start.sh /usr/local/bin/
USER prosody
ENTRYPOINT ["sh", "/usr/local/bin/prosody-start.sh"]
