module github.com/openid-client/openid/.ci/mutate

go 1.26.0
