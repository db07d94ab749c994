package openid

import (
	"context"
	"time"
)

// A check is one row of a table: one rule, applied to one kind of document.
type check[D document] struct {
	name, spec string
	holds      func(context.Context, D) bool
	says       func(D) (expected, got string) // asked when the check failed, or when somebody listens
}

// tables are a client's rows, by what they judge. They are never changed; a test gives one client a copy that lacks a row, a profile one with
// other rows.
type tables struct {
	metadata           []check[*metadataDocument]
	request            []check[*requestSupport]
	pushed             []check[*pushedResponse]
	callback, response []check[*authorizationResponse]
	jarm               []check[*jwt]
	token              []check[*tokenResponse]
	idToken, refreshed []check[*jwt]
	front, back        []check[*jwt]
	recent             []check[*jwt]

	// Nil: those that everybody has, see orElse.
	userInfoJWT      []check[*jwt]
	userInfo         []check[*userInfoDocument]
	logout           []check[*logoutResponse]
	device           []check[*deviceResponse]
	backchannel      []check[*backchannelResponse]
	introspectionJWT []check[*jwt]
	introspection    []check[*introspectionDocument]
}

// allTables are the rows of every login; the others are named where they are used, so that only those programs link them that do.
var allTables = tables{
	metadata: metadataChecks, request: requestChecks, pushed: pushedChecks, callback: callbackChecks, response: responseChecks,
	jarm: jarmChecks, token: tokenResponseChecks, idToken: idTokenChecks, refreshed: refreshedChecks, front: frontChecks, back: backChecks,
	recent: recentChecks,
}

// orElse is the client's own table, or the one that everybody has.
func orElse[D document](own, all []check[D]) []check[D] {
	if own != nil {
		return own
	}
	return all
}

// A document is something that came from outside, under judgement.
type document interface {
	kind() string // what VerificationError.Document says
	cause() error // what lies beneath a failed check, if anything
}

// judge walks the rows in their order and stops at the first that fails.
func judge[D document](ctx context.Context, c *Client, rows []check[D], d D) error {
	for i := range rows {
		row := &rows[i]
		ok := row.holds(ctx, d)
		if ok && c.cfg.Trace == nil {
			continue
		}
		expected, got := row.says(d)
		var failed error
		if !ok {
			failed = &VerificationError{Document: d.kind(), Check: row.name, Expected: expected, Got: got, Spec: row.spec, Err: d.cause()}
		}
		if c.cfg.Trace != nil {
			c.report(ctx, Event{Kind: EventCheck, Document: d.kind(), Name: row.name, Expected: expected, Got: got, Spec: row.spec,
				Start: time.Now(), Err: failed})
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}
