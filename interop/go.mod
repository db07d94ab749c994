module github.com/openid-client/openid/interop

go 1.26.0

require (
	github.com/go-jose/go-jose/v4 v4.1.8
	github.com/openid-client/openid v0.0.0
	github.com/openid-client/openid/openidtest v0.0.0
	golang.org/x/net v0.62.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/luikyv/go-oidc v0.23.0 // indirect
)
