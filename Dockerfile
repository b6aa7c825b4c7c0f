# A static binary in an empty image, run by a user that is not root.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t fermata .
#   docker run -p 443:443 -v ./fermata:/etc/fermata:ro fermata

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /root.d/fermata ./cmd/fermata
# What the image has beside the binary: where the configuration goes, the
# authorities for smoke, and what the process writes to.
RUN install -d /root.d/etc/fermata /root.d/etc/ssl/certs \
 && install -m 644 /etc/ssl/certs/ca-certificates.crt /root.d/etc/ssl/certs/ \
 && install -d -m 700 /own.d/run/fermata /own.d/var/lib/fermata /own.d/tmp

FROM scratch
COPY --from=build /root.d/ /
COPY --from=build --chown=65532:65532 /own.d/ /
USER 65532:65532
EXPOSE 80 443
# Asks the admin socket; set FERMATA_ADMIN where admin.address is another. It
# passes while the process answers, with nodes that are down too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/fermata", "status"]
ENTRYPOINT ["/fermata"]
CMD ["serve", "-c", "/etc/fermata/fermata.yaml"]
