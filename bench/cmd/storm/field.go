package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
)

const (
	algorithm = "ES256"
	patience  = 5 * time.Second // of a caller, where a storm does not say otherwise
)

// A field is one contender with a provider of its own.
type field struct {
	*provider.Provider
	set    *fixture.Set
	verify contender.Verify
	hc     *http.Client
	stop   func()
}

// start makes a field. The keys are loaded already, and the fetches so far forgotten, if warm.
func start(c contender.Contender, set *fixture.Set, delay time.Duration, warm bool) (*field, error) {
	f := &field{set: set, Provider: provider.Start(set, delay), hc: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	var err error
	f.verify, f.stop, err = c.Verifier(contender.Server{Algorithm: algorithm, JWKSURL: f.URL + "/jwks", Client: f.hc})
	if err != nil {
		f.Provider.Close()
		return nil, err
	}
	if warm {
		if _, err := f.verify(context.Background(), f.good()); err != nil {
			f.close()
			return nil, err
		}
		f.Fetches.Store(0)
	}
	return f, nil
}

func (f *field) close() {
	f.stop()
	f.Provider.Close()
	f.hc.CloseIdleConnections()
}

func (f *field) good() string         { return f.set.Tokens[algorithm] }
func (f *field) rotated() string      { return f.set.RotatedTokens[algorithm] }
func (f *field) unknownKey() string   { return fixture.UnknownKey(algorithm, f.good()) }
func (f *field) badSignature() string { return fixture.BadSignature(f.good()) }

// A crowd counts what its callers were told, and how long they waited.
type crowd struct {
	passed, refused atomic.Int64
	mu              sync.Mutex
	waits           []time.Duration
	callers         sync.WaitGroup
}

func (c *crowd) call(f *field, token string, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start := time.Now()
	_, err := f.verify(ctx, token)
	wait := time.Since(start)
	if err == nil {
		c.passed.Add(1)
	} else {
		c.refused.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, wait)
	return err == nil
}

// quantile is the wait that so large a part of the callers did not exceed.
func (c *crowd) quantile(part float64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waits) == 0 {
		return 0
	}
	slices.Sort(c.waits)
	return c.waits[int(part*float64(len(c.waits)-1))]
}

// together has n callers come at once, and waits for them.
func (f *field) together(n int, token string) *crowd {
	c := new(crowd)
	gate := make(chan struct{})
	for range n {
		c.callers.Go(func() {
			<-gate
			c.call(f, token, patience)
		})
	}
	close(gate)
	c.callers.Wait()
	return c
}

// regulars are honest callers that keep coming until leave.
func (f *field) regulars() (c *crowd, leave func()) {
	c = new(crowd)
	stop := make(chan struct{})
	for range 4 {
		c.callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
					c.call(f, f.good(), patience)
				}
			}
		})
	}
	return c, func() { close(stop); c.callers.Wait() }
}

// attack sends n tokens evenly over a time, without waiting for answers before the next.
func (f *field) attack(n int, over time.Duration, patience time.Duration, token func() string) *crowd {
	c := new(crowd)
	start := time.Now()
	for sent := 0; sent < n; time.Sleep(time.Millisecond) {
		due := min(n, int(float64(n)*float64(time.Since(start))/float64(over))+1)
		for ; sent < due; sent++ {
			t := token()
			c.callers.Go(func() { c.call(f, t, patience) })
		}
	}
	c.callers.Wait()
	return c
}

// until tries a token until it is accepted, and returns how long that took; zero if it was not within limit.
func (f *field) until(token string, limit time.Duration) time.Duration {
	c := new(crowd)
	for start := time.Now(); time.Since(start) < limit; time.Sleep(50 * time.Millisecond) {
		if c.call(f, token, time.Second) {
			return max(1, time.Since(start))
		}
	}
	return 0
}
