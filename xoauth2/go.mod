module github.com/openid-client/openid/xoauth2

go 1.26.0

require (
	github.com/openid-client/openid v0.0.0
	golang.org/x/oauth2 v0.37.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
)
