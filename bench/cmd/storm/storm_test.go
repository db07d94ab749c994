package main

import (
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
)

// TestStorms holds ours to the counts of the design, in smaller storms.
func TestStorms(t *testing.T) {
	set, err := fixture.New()
	if err != nil {
		t.Fatal(err)
	}
	breeze := size{attackers: 1000, attack: 200 * time.Millisecond, outage: 300 * time.Millisecond, patience: time.Minute}
	for _, s := range storms {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			f, err := start(contender.All[0], set, s.delay, !s.cold)
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			if o := s.run(f, breeze); !s.met(o) {
				t.Errorf("wanted %s, got %+v", s.target, o)
			}
		})
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for only, want := range map[selection]string{
		{}:                                   "",
		{storms: "cold", contenders: "ours"}: "",
		{storms: "nope"}:                     `--storm: there is no "nope"; known: cold, `,
		{contenders: "ours,nope"}:            `--contender: there is no "nope"; known: ours, `,
		{contenders: "x/oauth2"}:             `--contender: there is no "x/oauth2"`, // verifies nothing
	} {
		said := ""
		if err := only.check(); err != nil {
			said = err.Error()
		}
		if (said == "") != (want == "") || !strings.HasPrefix(said, want) {
			t.Errorf("%+v: %q", only, said)
		}
	}
}
