package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
)

// A subject is one race: who takes part, and what ours has to reach.
type subject struct {
	name, variant string
	served        bool              // a web application serves it: the table says how many in a second
	targets       map[string]target // by contender
	lanes         func(s *fixture.Set, variant string) (lanes []*lane, stop func(), err error)
}

// A target is the most that the design allows: times the floor, and allocations more than the floor's. Of what is served it is a time, and all
// allocations: the floor of a page is next to nothing.
type target struct {
	ratio, micros float64
	allocs        int
}

const unlimited = -1

var subjects = slices.Concat(
	[]subject{
		{name: "verify", variant: "RS256", targets: map[string]target{"ours": times(1.10, 4), "ours + claims": times(1.20, unlimited)}, lanes: verifyLanes},
		{name: "verify", variant: "PS256", targets: map[string]target{"ours": times(1.10, 4)}, lanes: verifyLanes},
		{name: "verify", variant: "ES256", targets: map[string]target{"ours": times(1.05, 4)}, lanes: verifyLanes},
		{name: "verify", variant: "EdDSA", targets: map[string]target{"ours": times(1.06, 4)}, lanes: verifyLanes},
		{name: "verify", variant: "HS256", targets: map[string]target{"ours": times(3, 4)}, lanes: verifyLanes},
	},
	refusals("refuse-signature", badSignatureLanes),
	refusals("refuse-key", unknownKeyLanes),
	[]subject{
		{name: "sign", variant: "ES256", targets: map[string]target{"ours": times(1.07, 3)}, lanes: signLanes},
		{name: "sign", variant: "EdDSA", targets: map[string]target{"ours": times(1.07, 3)}, lanes: signLanes},
		{name: "decrypt", variant: "RSA-OAEP-256", targets: map[string]target{"ours": times(1.10, unlimited)}, lanes: decryptLanes},
		{name: "decrypt", variant: "ECDH-ES+A256KW", targets: map[string]target{"ours": times(1.45, unlimited)}, lanes: decryptLanes},
		{name: "token", variant: "client_secret_basic", targets: map[string]target{"ours": times(1.05, 0)}, lanes: tokenLanes},
		{name: "source", variant: "token still good", targets: map[string]target{"ours": times(1, 0)}, lanes: sourceLanes},
		{name: "session", variant: "in memory", served: true, targets: map[string]target{"ours": {micros: 6, allocs: 25}}, lanes: sessionLanes},
		{name: "session", variant: "in a cookie", served: true, lanes: sealedSessionLanes},
		{name: "login", variant: "code flow", served: true, lanes: loginLanes},
	},
)

func times(floor float64, allocs int) target { return target{ratio: floor, allocs: allocs} }

func refusals(name string, lanes func(*fixture.Set, string) ([]*lane, func(), error)) (all []subject) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		all = append(all, subject{name: name, variant: alg, targets: map[string]target{"ours": times(1.05, unlimited)}, lanes: lanes})
	}
	return all
}

var (
	errRefused  = errors.New("the good token was refused")
	errAccepted = errors.New("a bad token was accepted")
)

func verifyLanes(s *fixture.Set, alg string) ([]*lane, func(), error) {
	return judgeLanes(s, alg, s.Tokens[alg], true)
}

func badSignatureLanes(s *fixture.Set, alg string) ([]*lane, func(), error) {
	return judgeLanes(s, alg, fixture.BadSignature(s.Tokens[alg]), false)
}

// unknownKeyLanes compare with the signature check that a refusal saves.
func unknownKeyLanes(s *fixture.Set, alg string) ([]*lane, func(), error) {
	return judgeLanes(s, alg, fixture.UnknownKey(alg, s.Tokens[alg]), false)
}

func judgeLanes(s *fixture.Set, alg, token string, good bool) ([]*lane, func(), error) {
	bare, err := contender.FloorVerify(s, alg, token)
	if err != nil {
		return nil, nil, err
	}
	floor := &lane{name: "floor", run: func() error {
		if bare() != good {
			return errRefused
		}
		return nil
	}}
	lanes, stops := []*lane{floor}, []func(){}
	for _, c := range contender.All {
		if c.Verifier == nil || c.Decodes && !good {
			continue
		}
		verify, stopLibrary, err := c.Verifier(contender.Server{Algorithm: alg, JWKSURL: "https://login.example.com/jwks", Client: answering(s.JWKS)})
		if err != nil {
			return nil, nil, err
		}
		if verify == nil {
			continue
		}
		stops = append(stops, stopLibrary)
		if _, err := verify(context.Background(), s.Tokens[alg]); err != nil { // loads the keys
			return nil, nil, err
		}
		lanes = append(lanes, &lane{name: c.Name, run: func() error {
			_, err := verify(context.Background(), token)
			switch {
			case good:
				return err
			case err == nil:
				return errAccepted
			}
			return nil
		}})
	}
	return lanes, func() {
		for _, stop := range stops {
			stop()
		}
	}, nil
}

// answering is a client without a network: every answer is the key set.
func answering(set []byte) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(set)), ContentLength: int64(len(set))}, nil
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func signLanes(s *fixture.Set, alg string) ([]*lane, func(), error) {
	lanes := []*lane{{name: "floor", run: contender.FloorSign(alg, s.Keys[alg])}}
	for _, c := range contender.All {
		if c.Assertion == nil {
			continue
		}
		sign, err := c.Assertion(alg, s.Keys[alg])
		if err != nil {
			return nil, nil, err
		}
		lanes = append(lanes, &lane{name: c.Name, run: sign})
	}
	return lanes, func() {}, nil
}

// tokenLanes give every library a transport of its own, of the same kind.
func tokenLanes(*fixture.Set, string) ([]*lane, func(), error) {
	p, err := provider.Spawn()
	if err != nil {
		return nil, nil, err
	}
	var lanes []*lane
	add := func(name string, obtain contender.Obtain) {
		lanes = append(lanes, &lane{name: name, run: func() error { _, err := obtain(context.Background()); return err }})
	}
	add("floor", contender.FloorPost(p.URL+"/token", defaultClient()))
	for _, c := range contender.All {
		if c.ClientCredentials == nil {
			continue
		}
		obtain, err := c.ClientCredentials(p.URL+"/token", defaultClient())
		if err != nil {
			return nil, nil, errors.Join(err, p.Stop())
		}
		add(c.Name, obtain)
	}
	return lanes, func() { p.Stop() }, nil
}

func defaultClient() *http.Client {
	return &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
}

// sourceLanes ask for a token that is good. The floor reads the wall clock once, as everybody has to who asks whether it is.
func sourceLanes(*fixture.Set, string) ([]*lane, func(), error) {
	expiry := time.Now().Add(24 * time.Hour)
	lanes := []*lane{{name: "floor", run: func() error {
		if !time.Now().Before(expiry) {
			return errRefused
		}
		return nil
	}}}
	for _, c := range contender.All {
		if c.Kept == nil {
			continue
		}
		obtain, err := c.Kept()
		if err != nil {
			return nil, nil, err
		}
		ctx := context.Background()
		lanes = append(lanes, &lane{name: c.Name, run: func() error { _, err := obtain(ctx); return err }})
	}
	return lanes, func() {}, nil
}
