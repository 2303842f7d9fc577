module windlass.dev/query-oracle

go 1.26.0

require (
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/gobwas/glob v0.2.3
	github.com/itchyny/gojq v0.12.17
)

require github.com/itchyny/timefmt-go v0.1.6 // indirect
