module github.com/openid-client/openid

go 1.26

require (
	filippo.io/mldsa v1.0.0
	github.com/go-jose/go-jose/v4 v4.1.8
	github.com/go-json-experiment/json v1.27.2
)
