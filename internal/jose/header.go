package jose

import (
	"strconv"
	"sync"

	"github.com/openid-client/openid/internal/strict"
)

// Header is a JOSE header (RFC 7515 section 4). It only reports: what a critical extension or an embedded key means for
// the token is the caller's rule.
type Header struct {
	Algorithm   string // alg, always there
	KeyID       string // kid; see HasKeyID
	Type        string // typ, as it is spelled
	ContentType string // cty
	HasKeyID    bool   // a kid is there, maybe an empty one
	Critical    bool   // a crit is there, whatever its value
	B64         bool   // a b64 is there, whatever its value
	Embedded    string // the first of jwk, jku, x5u and x5c that is there
}

// ParseHeader reads the first segment of a compact JWS. The check of its *[Refusal] is "header".
func ParseHeader(segment string) (Header, error) {
	if len(segment) > MaxToken {
		return Header{}, badHeader(tokenSize, strconv.Itoa(len(segment)), "RFC 8725bis section 3")
	}
	scratch := scratches.Get().(*scratch)
	defer scratches.Put(scratch)
	var err error
	if scratch.text, err = strict.AppendBase64(scratch.text[:0], segment); err != nil {
		return Header{}, badHeader("base64url", err.Error(), "RFC 7515 section 2")
	}
	var h Header
	err = strict.Object(scratch.text, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "alg":
			return headerText("alg", v, &h.Algorithm)
		case "kid":
			h.HasKeyID = true
			if len(v) > MaxKeyID+len(`""`) {
				return badHeader(kidSize, strconv.Itoa(len(v)), "RFC 8725bis section 3.10")
			}
			return headerText("kid", v, &h.KeyID)
		case "typ":
			return headerText("typ", v, &h.Type)
		case "cty":
			return headerText("cty", v, &h.ContentType)
		case "crit":
			h.Critical = true
		case "b64":
			h.B64 = true
		case "jwk", "jku", "x5u", "x5c":
			if h.Embedded == "" {
				h.Embedded = string(name)
			}
		}
		return nil
	})
	switch err := err.(type) {
	case nil:
	case *strict.Error:
		return Header{}, badHeader("a JSON object", err.Reason, "RFC 7515 section 4")
	default:
		return Header{}, err
	}
	if h.Algorithm == "" {
		return Header{}, badHeader("an alg", "none", "RFC 7515 section 4.1.1")
	}
	return h, nil
}

func headerText(name string, v strict.Value, dst *string) error {
	if name == "alg" || name == "typ" {
		for _, s := range wellKnown {
			if v.Equal(s) {
				*dst = s
				return nil
			}
		}
	}
	text, ok := v.Text()
	if !ok {
		return badHeader("a string as "+name, "another type", "RFC 7515 section 4.1")
	}
	*dst = text
	return nil
}

func badHeader(expected, got, spec string) *Refusal {
	return &Refusal{Check: "header", Expected: expected, Got: got, Spec: spec}
}

// wellKnown are values of alg and typ that are not worth an allocation each.
var wellKnown = append(Algorithms(), "JWT", "at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "token-introspection+jwt")

// scratch holds what one operation needs for its own length only.
type scratch struct {
	text   []byte
	digest [64]byte
	der    [144]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}
