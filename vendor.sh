#!/bin/sh
# Fetch the vendored files again, as they are in their packages: `make vendor`. Needs npm and tar.
# To update one, change its version here and in the README.md beside it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# take PACKAGE VERSION FOLDER FILE...
take() {
    package=$1 version=$2 folder=$3
    shift 3
    tarball=$(cd "$work" && npm pack --silent "$package@$version")
    tar -xzf "$work/$tarball" -C "$work"
    mkdir -p "$folder"
    for file; do
        cp "$work/package/$file" "$folder/"
    done
    rm -r "$work/package"
}

take @picocss/pico 2.1.1 static/vendor/pico css/pico.min.css LICENSE.md
take uplot 1.6.32 static/vendor/uplot dist/uPlot.esm.js dist/uPlot.min.css LICENSE
take @noble/hashes 2.4.0 static/vendor/noble-hashes legacy.js _md.js _u64.js utils.js LICENSE
# For the tests alone; the page never loads it.
take axe-core 4.14.1 tests/vendor/axe-core axe.min.js LICENSE LICENSE-3RD-PARTY.txt
