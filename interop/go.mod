module github.com/openid-client/openid/interop

go 1.26.0

require (
	github.com/go-jose/go-jose/v4 v4.1.8
	github.com/lestrrat-go/jwx/v3 v3.4.0
	github.com/openid-client/openid v0.0.0
	github.com/openid-client/openid/openidtest v0.0.0
	golang.org/x/net v0.62.0
)

require (
	github.com/decred/dcrd/dcrec/secp256k1/v4 v4.4.1 // indirect
	github.com/goccy/go-json v0.11.2 // indirect
	github.com/lestrrat-go/blackmagic v1.0.4 // indirect
	github.com/lestrrat-go/dsig v1.4.0 // indirect
	github.com/lestrrat-go/dsig-secp256k1 v1.0.0 // indirect
	github.com/lestrrat-go/httpcc v1.0.1 // indirect
	github.com/lestrrat-go/httprc/v3 v3.0.6 // indirect
	github.com/lestrrat-go/option/v2 v2.0.0 // indirect
	github.com/segmentio/asm v1.2.1 // indirect
	github.com/valyala/fastjson v1.6.10 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/luikyv/go-oidc v0.23.0 // indirect
)
