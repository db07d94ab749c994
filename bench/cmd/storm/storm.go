package main

import (
	"context"
	"time"

	"github.com/openid-client/openid/bench/provider"
)

// A storm is what happens to a verifier, and what ours has to make of it.
type storm struct {
	name, story string
	cold        bool          // begins without keys
	delay       time.Duration // of the key set
	target      string
	met         func(outcome) bool
	run         func(*field, size) outcome
}

// An outcome is what is counted in every storm.
type outcome struct {
	fetches        int64 // of the key set
	passed, failed int64 // good tokens
	accepted       int64 // bad tokens
	half, most     time.Duration
	recovered      time.Duration // until a token under a new key passed; zero: never
}

// A size is how long and how hard it blows.
type size struct {
	attackers int
	attack    time.Duration
	outage    time.Duration
	patience  time.Duration // until a new key has to be known
}

var full = size{attackers: 10_000, attack: 2 * time.Second, outage: 3 * time.Second, patience: 40 * time.Second}

const (
	callers = 200
	usual   = 20 * time.Millisecond // a key server's answer
)

func seen(f *field, good *crowd) outcome {
	return outcome{fetches: f.Fetches.Load(), passed: good.passed.Load(), failed: good.refused.Load(),
		half: good.quantile(.5), most: good.quantile(.99)}
}

func allPass(o outcome) bool { return o.failed == 0 && o.passed > 0 && o.accepted == 0 }

var storms = []storm{
	{
		name: "cold", story: "200 callers come at once, no key is cached", cold: true, delay: usual,
		target: "1 fetch, all pass", met: func(o outcome) bool { return o.fetches == 1 && allPass(o) },
		run: func(f *field, _ size) outcome { return seen(f, f.together(callers, f.good())) },
	},
	{
		name: "first-cancelled", story: "no key is cached and the key server takes 100 ms; the first caller gives up after 5 ms, 100 others wait",
		cold: true, delay: 100 * time.Millisecond,
		target: "1 fetch, the others pass", met: func(o outcome) bool { return o.fetches == 1 && allPass(o) },
		run: func(f *field, _ size) outcome {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
			defer cancel()
			var first crowd
			first.callers.Go(func() { f.verify(ctx, f.good()) })
			for f.Fetches.Load() == 0 {
				time.Sleep(100 * time.Microsecond)
				if ctx.Err() != nil {
					break
				}
			}
			others := f.together(100, f.good())
			first.callers.Wait()
			return seen(f, others)
		},
	},
	{
		name: "unknown-keys", story: "10,000 tokens with unknown key ids in 2 s; right after it the keys rotate", delay: usual,
		target: "≤ 3 fetches, good tokens pass, the rotation is seen within 5 s",
		met: func(o outcome) bool {
			return o.fetches <= 3 && allPass(o) && o.recovered > 0 && o.recovered < 5*time.Second+500*time.Millisecond
		},
		run: func(f *field, s size) outcome {
			good, leave := f.regulars()
			bad := f.attack(s.attackers, s.attack, patience, f.unknownKey)
			leave()
			o := seen(f, good)
			o.accepted = bad.passed.Load()
			f.Rotated.Store(true)
			o.recovered = f.until(f.rotated(), s.patience)
			return o
		},
	},
	{
		name: "bad-signatures", story: "10,000 tokens with a bad signature under a known key id in 2 s", delay: usual,
		target: "no fetch, good tokens pass", met: func(o outcome) bool { return o.fetches == 0 && allPass(o) },
		run: func(f *field, s size) outcome {
			good, leave := f.regulars()
			bad := f.attack(s.attackers, s.attack, patience, f.badSignature)
			leave()
			o := seen(f, good)
			o.accepted = bad.passed.Load()
			return o
		},
	},
	{
		name: "outage", story: "the key server answers 500 for 3 s while 10 tokens a second name unknown keys", delay: usual,
		target: "good tokens pass", met: allPass,
		run: func(f *field, s size) outcome { return outage(f, s, provider.Failing) },
	},
	{
		name: "hanging", story: "the key server does not answer for 3 s while 10 tokens a second name unknown keys", delay: usual,
		target: "good tokens pass", met: allPass,
		run: func(f *field, s size) outcome { return outage(f, s, provider.Hanging) },
	},
	{
		name: "one-hung", story: "the keys rotate, and the one request for them that this causes is never answered; the next would be", delay: usual,
		target: "good tokens pass, the hung fetch ends, the rotation is seen", met: func(o outcome) bool { return allPass(o) && o.recovered > 0 },
		run: func(f *field, s size) outcome {
			f.Become(provider.HangOnce)
			f.Rotated.Store(true)
			good, leave := f.regulars()
			recovered := f.until(f.rotated(), s.patience)
			leave()
			o := seen(f, good)
			o.recovered = recovered
			return o
		},
	},
	{
		name: "emptied", story: "the key server answers with a set without keys; one token names an unknown key, then good ones come", delay: usual,
		target: "good tokens pass", met: allPass,
		run: func(f *field, _ size) outcome {
			f.Become(provider.Empty)
			f.together(1, f.unknownKey())
			return seen(f, f.together(callers, f.good()))
		},
	},
	{
		name: "rotation", story: "the keys rotate, 200 callers come at once with the new one", delay: usual,
		target: "1 fetch, all pass", met: func(o outcome) bool { return o.fetches == 1 && allPass(o) },
		run: func(f *field, _ size) outcome {
			f.Rotated.Store(true)
			return seen(f, f.together(callers, f.rotated()))
		},
	},
}

func outage(f *field, s size, mode provider.Mode) outcome {
	f.Become(mode)
	good, leave := f.regulars()
	bad := f.attack(int(10*s.outage.Seconds()), s.outage, time.Second, f.unknownKey)
	leave()
	o := seen(f, good)
	o.accepted = bad.passed.Load()
	return o
}
