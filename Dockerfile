# One file, three images: docker build --target authserver|acme|dreams .
# Generated code is committed, so nothing is generated here. Only instructions
# that the classic builder knows too.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/ ./authserver ./acme ./dreams && mkdir /empty

# A static binary, the certificates of the public authorities, and a folder for
# the database that belongs to the user who runs the program. A named volume
# that is mounted there for the first time takes over that owner.
FROM scratch AS authserver
LABEL org.opencontainers.image.title="authserver" \
      org.opencontainers.image.description="Acme's accounts: an OAuth 2.0 authorization server and OpenID provider" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty /data
COPY --from=build /out/authserver /authserver
ENV LISTEN_ADDR=:9000 DATA_DIR=/data
EXPOSE 9000
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 CMD ["/authserver", "healthcheck"]
ENTRYPOINT ["/authserver"]

FROM scratch AS acme
LABEL org.opencontainers.image.title="acme" \
      org.opencontainers.image.description="Acme Travel: a website and the OAuth 2.0 resource server behind it" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty /data
COPY --from=build /out/acme /acme
ENV LISTEN_ADDR=:9001 DATA_DIR=/data
EXPOSE 9001
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 CMD ["/acme", "healthcheck"]
ENTRYPOINT ["/acme"]

FROM scratch AS dreams
LABEL org.opencontainers.image.title="dreams" \
      org.opencontainers.image.description="Dreams: Acme's partner, an OAuth 2.0 client" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty /data
COPY --from=build /out/dreams /dreams
ENV LISTEN_ADDR=:9002 DATA_DIR=/data
EXPOSE 9002
USER 65532:65532
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=5 CMD ["/dreams", "healthcheck"]
ENTRYPOINT ["/dreams"]
