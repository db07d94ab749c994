package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// A lane is one contender in one race.
type lane struct {
	name string
	run  func() error

	batch  int       // operations in one batch
	times  []float64 // nanoseconds of an operation, one for each round
	ratios []float64 // to the first lane's batch of the same round
	allocs int       // of one operation
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	if n%2 == 1 {
		return x[n/2]
	}
	return (x[n/2-1] + x[n/2]) / 2
}

// race lets the lanes run against the first of them, the floor. Each round runs a short batch of every lane in random order, and divides
// by the floor's batch of that round, so that a machine that becomes slower or faster in between does so for all.
func race(lanes []*lane, rounds int, length time.Duration) error {
	for _, l := range lanes {
		if err := l.prepare(length); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	for range rounds {
		for _, i := range rand.Perm(len(lanes)) {
			if err := lanes[i].runBatch(); err != nil {
				return fmt.Errorf("%s: %w", lanes[i].name, err)
			}
		}
		floor := lanes[0].times[len(lanes[0].times)-1]
		for _, l := range lanes {
			l.ratios = append(l.ratios, l.times[len(l.times)-1]/floor)
		}
	}
	return nil
}

// prepare warms up, fits the batch to length, and counts allocations.
func (l *lane) prepare(length time.Duration) error {
	const warmUp, counted = 100, 200
	for range warmUp {
		if err := l.run(); err != nil {
			return err
		}
	}
	start := time.Now()
	for range warmUp {
		l.run()
	}
	l.batch = max(1, int(length*warmUp/time.Since(start)))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range counted {
		l.run()
	}
	runtime.ReadMemStats(&after)
	l.allocs = int(after.Mallocs-before.Mallocs+counted/2) / counted
	return nil
}

// runBatch collects garbage before the clock starts, so that no batch pays for the one before it.
func (l *lane) runBatch() error {
	runtime.GC()
	start := processTime()
	for range l.batch {
		if err := l.run(); err != nil {
			return err
		}
	}
	l.times = append(l.times, float64(processTime()-start)/float64(l.batch))
	return nil
}
