package main

import (
	"cmp"
	"slices"

	"github.com/openid-client/openid/bench/table"
)

func result(s subject, lanes []*lane) *table.Table {
	slices.SortFunc(lanes[1:], func(a, b *lane) int { return cmp.Compare(median(a.ratios), median(b.ratios)) })
	if s.served {
		return served(s, lanes)
	}
	t := &table.Table{
		Title:   s.name + " " + s.variant,
		Columns: []string{"contender", "CPU µs", "× floor", "target", "allocations", "over the floor", "allowed", "met"},
	}
	for _, l := range lanes {
		ratio, over := median(l.ratios), l.allocs-lanes[0].allocs
		row := []any{l.name, micros(l), table.Fixed{Value: ratio, Digits: 3}, nil, l.allocs, over, nil, nil}
		if want, ok := s.targets[l.name]; ok {
			row[3], row[7] = table.Fixed{Value: want.ratio, Digits: 2}, ratio <= want.ratio && (want.allocs == unlimited || over <= want.allocs)
			if want.allocs != unlimited {
				row[6] = want.allocs
			}
		}
		t.Add(row...)
	}
	return t
}

// served says how many one processor serves in a second. The target is a time, and the allocations are all there are.
func served(s subject, lanes []*lane) *table.Table {
	t := &table.Table{
		Title:   s.name + " " + s.variant,
		Columns: []string{"contender", "a second", "CPU µs", "target", "× floor", "allocations", "allowed", "met"},
	}
	for _, l := range lanes {
		time := micros(l)
		row := []any{l.name, table.Fixed{Value: 1e6 / time.Value}, time, nil, table.Fixed{Value: median(l.ratios), Digits: 2}, l.allocs, nil, nil}
		if want, ok := s.targets[l.name]; ok {
			row[3], row[6] = table.Fixed{Value: want.micros, Digits: 2}, want.allocs
			row[7] = time.Value <= want.micros && l.allocs <= want.allocs
		}
		t.Add(row...)
	}
	return t
}

func micros(l *lane) table.Fixed { return table.Fixed{Value: median(l.times) / 1000, Digits: 2} }
