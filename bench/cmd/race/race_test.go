package main

import (
	"os"
	"testing"
	"time"

	"github.com/openid-client/openid/bench/provider"
)

func TestMain(m *testing.M) {
	provider.ServeIfChild()
	os.Exit(m.Run())
}

// TestRaces lets every race run, as short as can be: everybody does what he is measured for.
func TestRaces(t *testing.T) {
	tables, err := runAll(selection{}, 1, time.Microsecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if len(table.Rows) < 3 {
			t.Errorf("%s: only %d took part", table.Title, len(table.Rows))
		}
	}
	if want := len(subjects) + 1; len(tables) != want {
		t.Errorf("got %d tables, want %d", len(tables), want)
	}
}
