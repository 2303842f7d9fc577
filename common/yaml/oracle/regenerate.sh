#!/bin/sh
# Rewrites the goldens in ../testdata from Kubernetes' Go modules. Needs Go; the tests do not.
set -eu
cd "$(dirname "$0")"
go run . ../testdata ../testdata/differences
