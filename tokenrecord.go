package openid

import (
	"errors"
	"strconv"
	"time"
)

// tokenRecord is what the store holds for a token source. The zero record: nothing.
type tokenRecord struct {
	tokens   *Tokens // nil: only a note
	obtained time.Time

	// The note is the last failure, for the other processes: they leave the server alone for a moment, and know what became of a request.
	refused *ResponseError
	failed  *ExchangeError
	until   time.Time
}

const (
	tokenRecordVersion = 1

	noteFor = time.Second // how long a failure speaks for all
	// keptFor is how long tokens with a refresh token are kept when nobody uses them. Servers end such grants sooner.
	keptFor = 365 * 24 * time.Hour
	// maxNote bounds what another machine's clock can do.
	maxNote = maxObedient + time.Minute
)

// lifetime is how long the store keeps the record.
func (r *tokenRecord) lifetime(now time.Time) time.Duration {
	switch {
	case r.tokens == nil:
		return maxNote
	case r.tokens.RefreshToken.IsEmpty() && !r.tokens.Expiry.IsZero():
		return max(r.tokens.Expiry.Sub(now), maxNote)
	}
	return keptFor
}

// note keeps err if it is worth it: what a server said, or did not say.
func (r *tokenRecord) note(err error, now time.Time) bool {
	r.refused, r.failed = nil, nil
	if !errors.As(err, &r.refused) && !errors.As(err, &r.failed) {
		return false
	}
	r.until = now.Add(max(noteFor, obeyed(err)))
	return true
}

// noted is the failure of a moment ago.
func (r *tokenRecord) noted(now time.Time) error {
	switch {
	case !now.Before(r.until) || r.until.Sub(now) > maxNote:
	case r.refused != nil:
		return r.refused
	case r.failed != nil:
		return r.failed
	}
	return nil
}

// unsure: the last request may have used up the refresh token.
func (r *tokenRecord) unsure() bool { return r.failed != nil && r.failed.Sent }

var errOtherHolder = errors.New("a moment ago, in another process")

func (r *tokenRecord) encode() ([]byte, error) {
	var tokens []byte
	if r.tokens != nil {
		var err error
		if tokens, err = r.tokens.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	fields := []string{strconv.FormatInt(r.obtained.UnixMilli(), 10), string(tokens), "", "", "", "", "", ""}
	note := fields[2:]
	switch {
	case r.refused != nil:
		note[0], note[1], note[2], note[3], note[4] = "refused", r.refused.Endpoint, strconv.Itoa(r.refused.Status), string(r.refused.Code), r.refused.Description
	case r.failed != nil:
		note[0], note[1], note[2], note[3] = "failed", r.failed.Endpoint, strconv.Itoa(r.failed.Status), strconv.FormatBool(r.failed.Sent)
	}
	note[5] = strconv.FormatInt(r.until.UnixMilli(), 10)
	return encodeRecord(tokenRecordVersion, fields...), nil
}

func readTokenRecord(b []byte) (*tokenRecord, error) {
	r := new(tokenRecord)
	if b == nil {
		return r, nil
	}
	var obtained, tokens, kind, endpoint, status, what, why, until string
	if err := decodeRecord(b, tokenRecordVersion, &obtained, &tokens, &kind, &endpoint, &status, &what, &why, &until); err != nil {
		return nil, err
	}
	ms, err := strconv.ParseInt(obtained, 10, 64)
	if err != nil {
		return nil, errRecord
	}
	r.obtained = time.UnixMilli(ms)
	if ms, err = strconv.ParseInt(until, 10, 64); err != nil {
		return nil, errRecord
	}
	r.until = time.UnixMilli(ms)
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
