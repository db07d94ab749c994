package jose

import (
	"strconv"
	"strings"
)

// The caps on what comes from outside: bytes of a token and of a key id, keys of a set, keys tried for one token.
const (
	MaxToken      = 64 << 10
	MaxKeyID      = 256
	MaxKeys       = 100
	MaxCandidates = 5
)

// Refusal says which check refused and why. It holds no secret, no token and no key.
type Refusal struct {
	Check    string // "size", "compact", "encryption", "header" or "keys"
	Expected string
	Got      string // what was found; anything from outside is quoted and cut
	Spec     string // the section that asks for it
}

func (r *Refusal) Error() string {
	return r.Check + ": expected " + r.Expected + ", got " + r.Got + " (" + r.Spec + ")"
}

// Refusing is cheap: what is expected is spelled out once.
var (
	tokenSize = "at most " + strconv.Itoa(MaxToken) + " bytes"
	kidSize   = "a kid of at most " + strconv.Itoa(MaxKeyID) + " bytes"
)

// quote makes text from outside fit for a message.
func quote(s string) string { return strconv.Quote(s[:min(len(s), 64)]) }

// JWS is a compact JWS taken apart; the parts are still encoded, and are substrings of it.
type JWS struct {
	Signed    string // Header, a dot and Payload: what the signature covers
	Header    string
	Payload   string
	Signature string
}

// Split takes a compact JWS apart (RFC 7515 section 7.1). It looks at the length and at the number of dots and at
// nothing else: a part may be empty or badly encoded, which the reader of that part refuses. A compact JWE, in five parts,
// is refused by the check "encryption", the JSON form by "compact", however many dots are in it.
func Split(compact string) (JWS, error) {
	if len(compact) > MaxToken {
		return JWS{}, &Refusal{"size", tokenSize, strconv.Itoa(len(compact)), "RFC 8725bis section 3"}
	}
	if strings.HasPrefix(compact, "{") {
		return JWS{}, &Refusal{"compact", "the compact form", "the JSON form", "RFC 7515 section 7.1"}
	}
	switch dots := strings.Count(compact, "."); dots {
	case 2:
	case 4:
		return JWS{}, &Refusal{"encryption", "a signed token", "an encrypted one", "RFC 7516 section 9"}
	default:
		return JWS{}, &Refusal{"compact", "3 parts", strconv.Itoa(dots + 1), "RFC 7515 section 7.1"}
	}
	first, last := strings.IndexByte(compact, '.'), strings.LastIndexByte(compact, '.')
	return JWS{
		Signed:    compact[:last],
		Header:    compact[:first],
		Payload:   compact[first+1 : last],
		Signature: compact[last+1:],
	}, nil
}
