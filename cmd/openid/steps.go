package main

import (
	"time"

	"github.com/openid-client/openid"
)

// A stepView is one step of the application as its timeline tells it.
type stepView struct {
	Name              string
	Exchanges, Checks int
	Took              time.Duration // by the exchanges
	Failed            bool
	Parts             []part
}

// A part is one exchange, or the checks of one document in a row.
type part struct {
	Exchange *entry
	Document string
	Checks   []entry
	Failed   *entry
}

// steps divides a timeline. A step that was done twice, such as a refresh, stands there twice.
func steps(entries []entry) (out []stepView) {
	for i, e := range entries {
		if i == 0 || e.Step != entries[i-1].Step || e.Flow != entries[i-1].Flow {
			out = append(out, stepView{Name: e.Step})
		}
		s := &out[len(out)-1]
		s.Failed = s.Failed || e.Err != nil
		if e.Kind == openid.EventExchange {
			s.Exchanges++
			s.Took += e.Duration
			p := part{Exchange: &entries[i]}
			if e.Err != nil {
				p.Failed = &entries[i]
			}
			s.Parts = append(s.Parts, p)
			continue
		}
		s.Checks++
		if n := len(s.Parts); n == 0 || s.Parts[n-1].Document != e.Document {
			s.Parts = append(s.Parts, part{Document: e.Document})
		}
		p := &s.Parts[len(s.Parts)-1]
		p.Checks = append(p.Checks, e)
		if e.Err != nil {
			p.Failed = &entries[i]
		}
	}
	return out
}

// fails marks the step that ended the timeline. Where the provider says no, no exchange and no check has failed.
func fails(steps []stepView, name string) []stepView {
	if n := len(steps); n == 0 || steps[n-1].Name != name {
		steps = append(steps, stepView{Name: name})
	}
	steps[len(steps)-1].Failed = true
	return steps
}
