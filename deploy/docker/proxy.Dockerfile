# Caddy with the farm's door, as a user without rights.
#   docker build -f deploy/docker/proxy.Dockerfile -t portrait-farm-proxy .
FROM caddy:2.11.4-alpine
RUN adduser -D -H -u 10002 proxy && mkdir -p /data/caddy /config/caddy && chown -R proxy:proxy /data /config
COPY deploy/proxy/Caddyfile /etc/caddy/Caddyfile
USER 10002
EXPOSE 8080 8443
HEALTHCHECK --interval=15s --timeout=5s CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/"]
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
