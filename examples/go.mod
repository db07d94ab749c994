module github.com/openid-client/openid/examples

go 1.26

require (
	github.com/openid-client/openid v0.0.0
	github.com/openid-client/openid/openidtest v0.0.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/luikyv/go-oidc v0.23.0 // indirect
)
