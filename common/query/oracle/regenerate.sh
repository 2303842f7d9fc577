#!/bin/sh
# Rewrites the goldens in ../testdata from the Go modules that Argo CD uses. Needs Go; the tests do not.
set -eu
cd "$(dirname "$0")"
go run . ../testdata
