#!/usr/bin/env bash
# Resolve dependencies into hash-pinned files that hold for every platform and Python 3.11+.
# Releases younger than a week are passed over, so that a hijacked one has time to be noticed.
set -euo pipefail
cd "$(dirname "$0")/.."
before=$(date -u -d '7 days ago' +%Y-%m-%dT00:00:00Z)
resolve() {
    .tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --exclude-newer "$before" "$@"
}
resolve pyproject.toml --output-file locks/run.txt
resolve pyproject.toml locks/build.in --group dev --constraint locks/run.txt --output-file locks/dev.txt
resolve --group docs --constraint locks/dev.txt --output-file locks/docs.txt
resolve --group fuzz --constraint locks/dev.txt --output-file locks/fuzz.txt
