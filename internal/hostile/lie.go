package hostile

import "time"

// Lies about a token, for every field of a Script that takes a func(*Token). Each
// is one sentence and leaves the rest of the token honest; a test's own lie is a
// function like these.

// Longer says a claim with a character more, as the certification suite does.
func Longer(claim string) func(*Token) {
	return func(tok *Token) { tok.Claims[claim] = tok.Claims[claim].(string) + "1" }
}

// At says that a claim's time is d from now.
func At(claim string, d time.Duration) func(*Token) {
	return func(tok *Token) { tok.Claims[claim] = time.Now().Add(d).Unix() }
}

// Expired says that the token ended six minutes ago: longer than any tolerance.
func Expired(tok *Token) { At("exp", -6*time.Minute)(tok) }

// WeekOld says that the token was made a week ago.
func WeekOld(tok *Token) { At("iat", -7*24*time.Hour)(tok) }

// Unsigned says alg none and brings no signature.
func Unsigned(tok *Token) { tok.Header["alg"], tok.Compact = "none", DropSignature }

// SignedBy is what another key signs, under its own alg and kid.
func SignedBy(key *Key) func(*Token) {
	return func(tok *Token) { tok.Key, tok.Header["alg"], tok.Header["kid"] = key, key.Alg, key.ID }
}
