package storetest

import (
	"context"
	"strconv"
	"time"

	"github.com/openid-client/openid/store"
)

var processCases = []testCase{
	{"count", "Nothing is lost of what several processes write at once.", processes, countTogether},
	{"killed", "A holder that was killed is followed by another, which is told and has the old value: or a crash locks a session out for ever.", processes, killed},
	{"stopped", "A holder that was stopped while another took over and finished sees it when it goes on, and sends nothing.", stopping, func(r *trial) { stopped(r, false, false) }},
	{"stopped-blind", "The same holder without looking: the store refuses its result and hands it back.", stopping, func(r *trial) { stopped(r, true, false) }},
	{"stopped-beside", "The same holder while its successor is still at work: the successor's result stands.", stopping, func(r *trial) { stopped(r, true, true) }},
	{"stopped-unopposed", "A holder that was stopped for longer than its lease, and that nobody followed, saves what it has: it may be a rotated token.", stopping, stoppedUnopposed},
	{"stopped-before-send", "A holder that was stopped before it sent the refresh token does not send it when another has meanwhile: that would revoke the grant.", stopping, stoppedBeforeSend},
	{"storm", "Of all callers of all processes with one expired token one refreshes, and all have the new one.", processes, storm},
	{"storm-killed", "The same when the first holder is killed before it sends: one refresh, and everybody else is served.", processes, stormKilled},
}

func countTogether(r *trial) {
	const n, goroutines = 4, 10
	var all []*process
	for range n {
		all = append(all, r.spawn(job{Role: "count", N: goroutines}))
	}
	for _, p := range all {
		p.tell()
	}
	for _, p := range all {
		if got := p.expect("DONE"); got.Served != goroutines {
			r.fatal("of %d writers of a process %d were served: %q", goroutines, got.Served, got.Errors)
		}
	}
	r.holds(strconv.Itoa(n * goroutines * 4))
}

// holder is a process with the lease.
func (r *trial) holder(j job) *process {
	j.Role = "hold"
	p := r.spawn(j)
	p.tell()
	p.expect("HELD")
	return p
}

// succeed takes over and saves b.
func (r *trial) succeed(meanwhile func()) {
	r.must("Update of the successor", r.store().Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
		if !h.TakenOver || string(h.Value) != "a" {
			r.fault("the successor: TakenOver %t with %s", h.TakenOver, show(h.Value))
		}
		meanwhile()
		return put("b"), nil
	}))
}

func killed(r *trial) {
	r.added("a", long)
	p := r.holder(job{})
	p.end()
	r.succeed(func() {})
	r.holds("b")
}

func stopped(r *trial, blind, beside bool) {
	r.added("a", long)
	p := r.holder(job{Blind: blind})
	p.stop()
	wake := func() {
		p.goesOn()
		p.tell()
		got := p.expect("DONE")
		if kept := map[bool]string{true: "late"}[blind]; !got.Lost || got.Kept != kept {
			r.fault("the holder that was stopped: expected ErrLost and its result %q, got %t, %q, %q", kept, got.Lost, got.Kept, got.Errors)
		}
	}
	if beside {
		r.succeed(wake)
	} else {
		r.succeed(func() {})
		wake()
	}
	r.holds("b")
}

func stoppedUnopposed(r *trial) {
	r.added("a", long)
	p := r.holder(job{Blind: true})
	p.stop()
	time.Sleep(lease(r.times) + lease(r.times)/2)
	p.goesOn()
	p.tell()
	if got := p.expect("DONE"); got.Served != 1 {
		r.fatal("its result was refused: %q", got.Errors)
	}
	r.holds("late")
}

func stoppedBeforeSend(r *trial) {
	server := r.tokenServer(0)
	r.added(firstToken, long)
	p := r.holder(job{Tokens: server.addr})
	p.stop()
	r.must("Update of the successor", r.store().Update(r.ctx, r.key, refresh(server.addr, func(*store.Held) error { return nil })))
	p.goesOn()
	p.tell()
	if got := p.expect("DONE"); !got.Lost {
		r.fatal("the holder that was stopped: expected ErrLost, got %q", got.Errors)
	}
	server.sent(r)
	r.holds("rt-1")
}

// storms are processes whose callers all want the new token.
func (r *trial) storms(n int, server *tokenServer) (served func()) {
	const callers = 50
	var all []*process
	for range n {
		all = append(all, r.spawn(job{Role: "refresh", N: callers, Tokens: server.addr}))
	}
	for _, p := range all {
		p.tell()
	}
	return func() {
		for _, p := range all {
			if got := p.expect("DONE"); got.Served != callers {
				r.fatal("of %d callers of a process %d were served: %q", callers, got.Served, got.Errors)
			}
		}
		server.sent(r)
		r.holds("rt-1")
	}
}

func storm(r *trial) {
	r.added(firstToken, long)
	r.storms(4, r.tokenServer(4*short))()
}

func stormKilled(r *trial) {
	server := r.tokenServer(short)
	r.added(firstToken, long)
	first := r.holder(job{Tokens: server.addr})
	served := r.storms(3, server)
	lapse() // they wait by now, most of them
	first.end()
	served()
}
