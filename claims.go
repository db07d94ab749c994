package openid

import (
	"fmt"

	"github.com/go-json-experiment/json"
)

// Verified is a document that passed all its checks. Only this package makes one: *[IDToken], *[UserInfo], *[AccessToken], *[Introspection],
// *[SourcedClaims].
type Verified interface {
	// Payload returns a copy of the claims, a JSON object without duplicate names.
	Payload() []byte
	verified() []byte
}

// Claims decodes the claims of a verified document into a T, usually a struct with json tags. Names are matched exactly, and a value of
// another kind than its field is an error, so that "email_verified": "true" is never taken for true.
//
// It is a function so that a program that does not call it does not carry the decoder.
func Claims[T any](v Verified) (T, error) {
	var claims T
	if err := json.Unmarshal(v.verified(), &claims); err != nil {
		return claims, fmt.Errorf("openid: claims do not fit %T: %w", claims, err)
	}
	return claims, nil
}
