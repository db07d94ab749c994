package openid

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"time"
)

// tokenRecord is what the store holds for a token source. The zero record: nothing.
type tokenRecord struct {
	tokens   *Tokens // nil: only a note
	obtained time.Time
	unsure   bool   // a use of the refresh token never got its answer
	spent    string // the digest of the refresh token that the source began with and that is of no use any more

	// The note is the last failure, for the other processes: they leave the server alone for a moment.
	refused   *ResponseError
	failed    *ExchangeError
	at, until time.Time
}

const (
	tokenRecordVersion = 1

	noteFor = time.Second // how long a failure speaks for all
	// keptFor is how long tokens with a refresh token are kept when nobody uses them. Servers end such grants sooner.
	keptFor = 365 * 24 * time.Hour
	// noteKept is how long a note is kept where there is nothing else.
	noteKept = maxObedient + time.Minute
)

// lifetime is how long the store keeps the record.
func (r *tokenRecord) lifetime(now time.Time) time.Duration {
	switch {
	case r.tokens == nil && r.spent == "":
		return noteKept
	case r.tokens != nil && r.tokens.RefreshToken.IsEmpty() && !r.tokens.Expiry.IsZero():
		return max(r.tokens.Expiry.Sub(now), noteKept)
	}
	return keptFor
}

// note keeps err if it is worth it: what a server said, or did not say, or what went wrong after something has changed. It reports whether
// it is.
func (r *tokenRecord) note(err error, changed bool, now time.Time) bool {
	r.refused, r.failed = nil, nil
	if !errors.As(err, &r.refused) && !errors.As(err, &r.failed) {
		if !changed {
			return false
		}
		r.failed = &ExchangeError{Endpoint: "token", Sent: true}
	}
	r.at, r.until = now, now.Add(max(noteFor, obeyed(err)))
	return true
}

// noted is the failure of a moment ago, if both clocks say that it was.
func (r *tokenRecord) noted(now time.Time) error {
	switch {
	case now.Before(r.at) || !now.Before(r.until) || r.until.Sub(r.at) > maxObedient:
	case r.refused != nil:
		return r.refused
	case r.failed != nil:
		return r.failed
	}
	return nil
}

// refreshable: there is a refresh token.
func (r *tokenRecord) refreshable() bool { return r.tokens != nil && !r.tokens.RefreshToken.IsEmpty() }

// replaceRefreshToken keeps t with another refresh token, or with none.
func (r *tokenRecord) replaceRefreshToken(t *Tokens, by Secret) {
	changed := *t
	changed.RefreshToken = by
	r.tokens, r.unsure = &changed, false
}

// seedDigest stands for a refresh token where the token itself has no business any more.
func seedDigest(token Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errOtherHolder = errors.New("a moment ago, in another process")

func (r *tokenRecord) encode() ([]byte, error) {
	var tokens []byte
	if r.tokens != nil {
		var err error
		if tokens, err = r.tokens.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	fields := []string{ms(r.obtained), string(tokens), strconv.FormatBool(r.unsure), r.spent, ms(r.at), ms(r.until), "", "", "", "", ""}
	note := fields[6:]
	switch {
	case r.refused != nil:
		copy(note, []string{"refused", r.refused.Endpoint, strconv.Itoa(r.refused.Status), string(r.refused.Code), r.refused.Description})
	case r.failed != nil:
		copy(note, []string{"failed", r.failed.Endpoint, strconv.Itoa(r.failed.Status), strconv.FormatBool(r.failed.Sent)})
	}
	return encodeRecord(tokenRecordVersion, fields...), nil
}

func readTokenRecord(b []byte) (*tokenRecord, error) {
	r := new(tokenRecord)
	if b == nil {
		return r, nil
	}
	var obtained, tokens, unsure, at, until, kind, endpoint, status, what, why string
	if err := decodeRecord(b, tokenRecordVersion, &obtained, &tokens, &unsure, &r.spent, &at, &until, &kind, &endpoint, &status, &what, &why); err != nil {
		return nil, err
	}
	for _, field := range []struct {
		text string
		time *time.Time
	}{{obtained, &r.obtained}, {at, &r.at}, {until, &r.until}} {
		ms, err := strconv.ParseInt(field.text, 10, 64)
		if err != nil {
			return nil, errRecord
		}
		*field.time = time.UnixMilli(ms)
	}
	r.unsure = unsure == "true"
	if tokens != "" {
		r.tokens = new(Tokens)
		if err := r.tokens.UnmarshalBinary([]byte(tokens)); err != nil {
			return nil, err
		}
	}
	if kind == "" {
		return r, nil
	}
	n, err := strconv.Atoi(status)
	if err != nil {
		return nil, errRecord
	}
	switch kind {
	case "refused":
		r.refused = &ResponseError{Endpoint: endpoint, Status: n, Code: Code(what), Description: why}
	case "failed":
		r.failed = &ExchangeError{Endpoint: endpoint, Status: n, Sent: what == "true", Err: errOtherHolder}
	}
	return r, nil
}
