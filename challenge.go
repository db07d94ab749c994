package openid

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A Challenge says how a server wants to be asked (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9449 section 7.1). All of it is the
// server's own words; String cuts and escapes them.
type Challenge struct {
	Scheme  string            // in lower case: "bearer", "dpop"
	Token68 string            // what some schemes have instead of parameters
	Params  map[string]string // by their names in lower case, such as "realm", "error", "scope", "resource_metadata"
}

// Code is the parameter error, empty if there is none.
func (c Challenge) Code() Code { return Code(c.Params["error"]) }

// String shows the challenge, cut and escaped.
func (c Challenge) String() string {
	var b strings.Builder
	b.WriteString(printable(c.Scheme, 64))
	if c.Token68 != "" {
		b.WriteString(" " + printable(c.Token68, 64))
	}
	for i, name := range slices.Sorted(maps.Keys(c.Params)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s=%s", printable(name, 64), quoted(c.Params[name]))
	}
	return b.String()
}

const (
	maxChallenges      = 16
	maxChallengeParams = 32
	maxChallengeHeader = 16 << 10 // bytes, of all lines together
)

// Challenges reads the WWW-Authenticate headers of an answer. A header that breaks the grammar of RFC 9110 section 11.2 anywhere is not
// trusted at all: the result is then nil.
func Challenges(h http.Header) []Challenge {
	lines := h.Values("WWW-Authenticate")
	if len(lines) == 0 {
		return nil
	}
	p := challengeParser{rest: strings.Join(lines, ",")}
	if len(p.rest) > maxChallengeHeader {
		return nil
	}
	list, ok := p.challenges()
	if !ok {
		return nil
	}
	return list
}

type challengeParser struct{ rest string }

// challenges reads the list. After a comma stands a parameter of the challenge before, or the next challenge: only what follows the token
// tells them apart.
func (p *challengeParser) challenges() ([]Challenge, bool) {
	var list []Challenge
	p.commas()
	for p.rest != "" {
		scheme := p.token()
		if scheme == "" || len(list) == maxChallenges {
			return nil, false
		}
		c := Challenge{Scheme: strings.ToLower(scheme), Params: map[string]string{}}
		// Parameters follow a space: "Basic, realm=x" is a challenge without any, and then no challenge.
		if p.space() && !p.parameters(&c) || !p.atListEnd() {
			return nil, false
		}
		p.commas()
		list = append(list, c)
	}
	return list, true
}

func (p *challengeParser) parameters(c *Challenge) bool {
	if !p.atListEnd() && !p.parameter(c) {
		ok := p.token68(c)
		p.space()
		return ok
	}
	for {
		before := p.rest
		p.commas()
		if !p.parameter(c) {
			p.rest = before
			return true
		}
		if len(c.Params) > maxChallengeParams {
			return false
		}
	}
}

func (p *challengeParser) atListEnd() bool { return p.rest == "" || p.rest[0] == ',' }

// parameter reads name = value with a token or a quoted string for its value, or nothing.
func (p *challengeParser) parameter(c *Challenge) bool {
	before := p.rest
	name := p.token()
	p.space()
	if name == "" || !p.one('=') {
		p.rest = before
		return false
	}
	p.space()
	value, ok := p.quoted()
	if !ok {
		value = p.token()
		ok = value != ""
	}
	if p.space(); !ok || !p.atListEnd() {
		p.rest = before
		return false
	}
	c.Params[strings.ToLower(name)] = value
	return true
}

func (p *challengeParser) token68(c *Challenge) bool {
	n := 0
	for n < len(p.rest) && (isAlphanumeric(p.rest[n]) || strings.IndexByte("-._~+/", p.rest[n]) >= 0) {
		n++
	}
	if n == 0 {
		return false
	}
	for n < len(p.rest) && p.rest[n] == '=' {
		n++
	}
	c.Token68, p.rest = p.rest[:n], p.rest[n:]
	return true
}

func (p *challengeParser) quoted() (string, bool) {
	if p.rest == "" || p.rest[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case c == '\\':
			if i++; i == len(p.rest) {
				return "", false
			}
			b.WriteByte(p.rest[i])
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

func (p *challengeParser) token() string {
	n := 0
	for n < len(p.rest) && (isAlphanumeric(p.rest[n]) || strings.IndexByte("!#$%&'*+-.^_`|~", p.rest[n]) >= 0) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

func (p *challengeParser) space() bool {
	trimmed := strings.TrimLeft(p.rest, " \t")
	spaced := len(trimmed) < len(p.rest)
	p.rest = trimmed
	return spaced
}

func (p *challengeParser) commas() { p.rest = strings.TrimLeft(p.rest, ", \t") }

func (p *challengeParser) one(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
