package openid

import (
	"context"
	"time"
)

// Kinds of [Event].
const (
	EventExchange = "exchange" // one HTTP exchange with the server
	EventCheck    = "check"    // one check of one document, passed or failed
)

// An Event is what [Config].Trace hears: each exchange and each check, passed or failed. It carries no token, secret or body, so it
// may be logged as it is.
type Event struct {
	Kind     string // EventExchange or EventCheck
	Flow     string // the same for all events of one login, from Authorize to the last check; random
	Document string // check: what was judged, such as "ID Token"
	Name     string // exchange: the endpoint; check: the row
	Expected string // check: what would pass
	Got      string // check: what came; exchange: method, address without query, and status
	Spec     string // check: where the rule stands
	Start    time.Time
	Duration time.Duration // exchange
	Err      error         // nil: it passed
}

type flowKey struct{}

// withFlow names the flow for the events to come. Without a listener there is nothing to name.
func (c *Client) withFlow(ctx context.Context, flow string) context.Context {
	if c.cfg.Trace == nil {
		return ctx
	}
	return context.WithValue(ctx, flowKey{}, flow)
}

// newFlow is withFlow for calls that stand alone; a flow that is there already goes on.
func (c *Client) newFlow(ctx context.Context) context.Context {
	if c.cfg.Trace == nil || ctx.Value(flowKey{}) != nil {
		return ctx
	}
	return c.withFlow(ctx, random()[:12])
}

func (c *Client) report(ctx context.Context, e Event) {
	e.Flow, _ = ctx.Value(flowKey{}).(string)
	c.cfg.Trace(ctx, e)
}
