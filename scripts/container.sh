#!/usr/bin/env bash
# Build the Containerfile with buildah, which needs no running service, and use the image: doctor, and the demo without a network.
#
#   scripts/container.sh [NAME=VALUE …]     build arguments, such as EXTRAS=demo
#
# Where the base image cannot be pulled, debootstrap makes one of the same Debian release. What the build machine needs to reach its
# package index, PIP_CERT, is brought in for the build only.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}" BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
base=docker.io/library/debian:bookworm-slim
image=localhost/fiqx-trt

if ! buildah inspect --type image "$base" > /dev/null 2>&1 && ! buildah pull "$base" > /dev/null 2>&1; then
    root=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$root" > "$root.log"
    scratch=$(buildah from scratch)
    buildah add --quiet "$scratch" "$root" /
    buildah commit --quiet --rm "$scratch" "$base"
    rm -rf "$root" "$root.log"
fi

options=()
for argument in "$@"; do options+=(--build-arg "$argument"); done
if [ -n "${PIP_CERT:-}" ]; then
    options+=(--volume "$PIP_CERT:/run/pip-cert.crt:ro" --env PIP_CERT=/run/pip-cert.crt)
fi
buildah bud --format docker --layers --pull=false --tag "$image" "${options[@]}" .

container=$(buildah from --pull=false "$image")
trap 'buildah rm "$container" > /dev/null' EXIT
[ "$(buildah run "$container" -- id -u)" = 10001 ]
buildah run "$container" -- sh -c '! command -v g++ gcc cmake ninja nvcc'
buildah run "$container" -- fiqx-trt doctor --quick
buildah run --env FIQX_OFFLINE=1 "$container" -- fiqx-trt demo --out demo-out
buildah run "$container" -- test -s demo-out/report.html
buildah images "$image"
