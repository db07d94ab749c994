package main

import (
	"cmp"
	"slices"

	"github.com/openid-client/openid/bench/table"
)

func result(s subject, lanes []*lane) *table.Table {
	t := &table.Table{
		Title:   s.name + " " + s.variant,
		Columns: []string{"contender", "CPU µs", "× floor", "target", "allocations", "over the floor", "allowed", "met"},
	}
	slices.SortFunc(lanes[1:], func(a, b *lane) int { return cmp.Compare(median(a.ratios), median(b.ratios)) })
	for _, l := range lanes {
		ratio, over := median(l.ratios), l.allocs-lanes[0].allocs
		row := []any{l.name, table.Fixed{Value: median(l.times) / 1000, Digits: 2}, table.Fixed{Value: ratio, Digits: 3}, nil, l.allocs, over, nil, nil}
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
