package hostile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Token is a JWT about to be signed. A test may change any of it.
type Token struct {
	Header, Claims map[string]any
	Key            *Key

	// RawHeader and RawPayload, when set, are signed instead of Header and
	// Claims: for duplicate members, invalid UTF-8 and what else no map holds.
	RawHeader, RawPayload []byte

	// Compact, when set, twists the finished token: BreakSignature,
	// DropSignature and their like, or a function of the test's own.
	Compact func(string) string

	// Grant is the grant_type that an ID Token answers.
	Grant string
}

// NewToken is an honest JWT: alg and kid of the key, typ JWT.
func NewToken(key *Key, claims map[string]any) *Token {
	header := map[string]any{"alg": key.Alg, "typ": "JWT"}
	if key.ID != "" {
		header["kid"] = key.ID
	}
	return &Token{Header: header, Claims: claims, Key: key}
}

// HeaderJSON is the header that will be signed.
func (tok *Token) HeaderJSON() []byte {
	if tok.RawHeader != nil {
		return tok.RawHeader
	}
	return marshal(tok.Header)
}

// PayloadJSON is the payload that will be signed.
func (tok *Token) PayloadJSON() []byte {
	if tok.RawPayload != nil {
		return tok.RawPayload
	}
	return marshal(tok.Claims)
}

// String signs the token.
func (tok *Token) String() string {
	compact := tok.Key.Sign(tok.HeaderJSON(), tok.PayloadJSON())
	if tok.Compact != nil {
		compact = tok.Compact(compact)
	}
	return compact
}

// BreakSignature flips one bit of the signature.
func BreakSignature(compact string) string {
	i := strings.LastIndexByte(compact, '.') + 1
	signature := must(base64.RawURLEncoding.DecodeString(compact[i:]))
	signature[0] ^= 1
	return compact[:i] + encode(signature)
}

// DropSignature leaves the signature empty, the dots in place.
func DropSignature(compact string) string {
	return compact[:strings.LastIndexByte(compact, '.')+1]
}

// DropPart leaves the signature away with its dot.
func DropPart(compact string) string {
	return compact[:strings.LastIndexByte(compact, '.')]
}

// Pad ends the token with the padding that base64url in a JWS does not have.
func Pad(compact string) string { return compact + "=" }

// BreakLine puts a line break into the signature: Go's decoder skips it.
func BreakLine(compact string) string {
	i := strings.LastIndexByte(compact, '.') + 2
	return compact[:i] + "\n" + compact[i:]
}

// NonCanonical changes unused bits of the last character, so that a lax decoder
// reads the same signature from another text. The signature's length must not
// be a multiple of three.
func NonCanonical(compact string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if (len(compact)-strings.LastIndexByte(compact, '.')-1)%4 == 0 {
		panic("hostile: this signature leaves no unused bits")
	}
	last := len(compact) - 1
	return compact[:last] + string(alphabet[strings.IndexByte(alphabet, compact[last])^1])
}

// Flattened is the token in the JSON serialisation: RFC 7515 §7.2.2.
func Flattened(compact string) string {
	part := strings.Split(compact, ".")
	return string(marshal(map[string]any{"protected": part[0], "payload": part[1], "signature": part[2]}))
}

// WithMember puts a member in front of a JSON object's others, also when it is
// there already. The value is JSON text.
func WithMember(object []byte, name, value string) []byte {
	rest := bytes.TrimPrefix(object, []byte("{"))
	member := append(marshal(name), ':')
	member = append(member, value...)
	if !bytes.HasPrefix(rest, []byte("}")) {
		member = append(member, ',')
	}
	return append(append([]byte("{"), member...), rest...)
}

func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
