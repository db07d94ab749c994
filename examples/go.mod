module github.com/openid-client/openid/examples

go 1.26

require github.com/openid-client/openid v0.0.0

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
)
