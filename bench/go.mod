module github.com/openid-client/openid/bench

go 1.26.0

replace github.com/openid-client/openid => ../

require (
	github.com/MicahParks/keyfunc/v3 v3.9.1
	github.com/coreos/go-oidc/v3 v3.21.0
	github.com/go-jose/go-jose/v4 v4.1.8
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/openid-client/openid v0.0.0-00010101000000-000000000000
	golang.org/x/oauth2 v0.37.0
	golang.org/x/sys v0.48.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/MicahParks/jwkset v0.11.4 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	golang.org/x/time v0.15.0 // indirect
)
