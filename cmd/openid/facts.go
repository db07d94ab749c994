package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// A claim is a claim, fit for people.
type claim struct {
	Name, Value string
	Meaning     string // what the value says: a date, for a number of seconds
}

// order puts the claims that a check looks at first.
var order = []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "auth_time", "nonce", "at_hash", "acr", "amr", "sid", "name", "email", "email_verified"}

var times = []string{"exp", "iat", "nbf", "auth_time", "updated_at"}

func claims(of openid.Verified, now time.Time) []claim {
	all, err := openid.Claims[map[string]any](of)
	if err != nil {
		return nil
	}
	rank := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	out := make([]claim, 0, len(names))
	for _, name := range names {
		c := claim{Name: name, Value: plain(all[name])}
		if seconds, ok := all[name].(float64); ok && slices.Contains(times, name) {
			c.Meaning = moment(time.Unix(int64(seconds), 0), now)
		}
		out = append(out, c)
	}
	return out
}

func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	b, _ := json.Marshal(v) // it came out of JSON
	return string(b)
}

// moment is a time as people say it.
func moment(t, now time.Time) string {
	s := t.UTC().Format("2 Jan 2006, 15:04:05 UTC")
	switch d := t.Sub(now).Round(time.Second); {
	case d > 48*time.Hour, d < -48*time.Hour:
		return s
	case d > 0:
		return s + ", in " + short(d)
	case d < 0:
		return s + ", " + short(-d) + " ago"
	}
	return s + ", now"
}

// short leaves out the units that are zero: "10m", not "10m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// took is a duration with three digits, which is what a reader compares.
func took(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// A tokenView are the facts about a token, none of which can be used.
type tokenView struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Fingerprint string   `json:"fingerprint"` // changes when the token does
	Expiry      string   `json:"expiry,omitempty"`
	Scope       []string `json:"scope,omitempty"`
	Note        string   `json:"note,omitempty"`
}

func (p *person) facts(now time.Time) []tokenView {
	t := p.tokens
	idToken := tokenView{Name: "ID Token", Kind: "signed JWT", Fingerprint: fingerprint(t.IDToken.Raw()), Expiry: moment(t.IDToken.Expiry(), now)}
	if t.AccessToken.IsEmpty() {
		return []tokenView{idToken}
	}
	facts := []tokenView{{Name: "Access token", Kind: t.Type, Fingerprint: fingerprint(t.AccessToken), Expiry: moment(t.Expiry, now), Scope: t.Scope}}
	if t.Expiry.IsZero() {
		facts[0].Expiry = "not said"
	}
	if thumbprint := t.DPoPThumbprint(); thumbprint != "" {
		facts[0].Note = "bound to the key " + thumbprint
	}
	for _, d := range t.AuthorizationDetails {
		facts[0].Note = strings.TrimPrefix(facts[0].Note+", granted "+d.Type+" "+strings.Join(d.Actions, " "), ", ")
	}
	if !t.RefreshToken.IsEmpty() {
		note := "not used yet"
		switch {
		case p.rotations > 0:
			note = fmt.Sprintf("rotated %d×", p.rotations)
		case p.refreshes > 0:
			note = fmt.Sprintf("used %d×, not rotated", p.refreshes)
		}
		facts = append(facts, tokenView{Name: "Refresh token", Kind: "opaque", Fingerprint: fingerprint(t.RefreshToken), Note: note})
	}
	return append(facts, idToken)
}

// fingerprint is a little of a token's hash: enough to see that it changed, far too little to find it.
func fingerprint(s openid.Secret) string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:4])
}
