package openid

import (
	"crypto/subtle"
	"fmt"
)

const redacted = "[redacted]"

// A Secret is a string that cannot be printed by accident: a client secret, an access token, a refresh token. Formatting with any
// verb, encoding as JSON or text and logging all show a placeholder. The value lies behind a pointer, so that %+v of a struct with
// an unexported Secret field, which fmt prints without asking the field, shows an address and nothing else.
//
// The zero Secret is empty.
type Secret struct{ value *string }

// NewSecret wraps s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the value. Whoever calls it takes care of where the value goes.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsEmpty reports whether there is no value.
func (s Secret) IsEmpty() bool { return s.value == nil }

// Equal compares two secrets in time that depends on their lengths only.
func (s Secret) Equal(t Secret) bool { return equal(s.Reveal(), t.Reveal()) }

// String returns a placeholder, never the value.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return redacted
}

// GoString returns a placeholder, never the value.
func (s Secret) GoString() string { return "openid.Secret(" + s.String() + ")" }

// Format writes a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns a placeholder, never the value; JSON encoders and log/slog use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// equal compares what an attacker may guess: states, nonces, hashes.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
