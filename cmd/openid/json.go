package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/openid-client/openid"
)

// reportJSON is the document of openid demo --once --output json. Members are only ever added.
type reportJSON struct {
	Issuer      string          `json:"issuer"`
	Application string          `json:"application"`
	User        string          `json:"user"`
	Lie         *lieJSON        `json:"lie,omitempty"`
	Flow        *flowJSON       `json:"flow,omitempty"`
	Steps       []stepJSON      `json:"steps"`
	Events      []eventJSON     `json:"events"`
	Claims      json.RawMessage `json:"claims,omitempty"`
	UserInfo    json.RawMessage `json:"userinfo,omitempty"`
	Tokens      []tokenView     `json:"tokens,omitempty"`
	Result      resultJSON      `json:"result"`
}

type lieJSON struct {
	Name      string `json:"name"`
	Falsifies string `json:"falsifies"`
	Document  string `json:"document"`
	Check     string `json:"check"`
}

type flowJSON struct {
	Name   string `json:"name"`
	Shows  string `json:"shows"`
	Played bool   `json:"played"`
	Cannot string `json:"cannot,omitempty"`
}

func (f *flow) json() *flowJSON { return &flowJSON{f.name, f.shows, f.cannot == "", f.cannot} }

type stepJSON struct {
	Name    string    `json:"name"`
	OK      bool      `json:"ok"`
	Browser []hopJSON `json:"browser"`
}

type hopJSON struct {
	Method     string  `json:"method"`
	Address    string  `json:"address"`
	Status     int     `json:"status"`
	Note       string  `json:"note,omitempty"`
	DurationMS float64 `json:"duration_ms"`
}

type eventJSON struct {
	Step       string    `json:"step"`
	Kind       string    `json:"kind"`
	Flow       string    `json:"flow"`
	Document   string    `json:"document,omitempty"`
	Name       string    `json:"name"`
	OK         bool      `json:"ok"`
	Expected   string    `json:"expected,omitempty"`
	Got        string    `json:"got,omitempty"`
	Spec       string    `json:"spec,omitempty"`
	Start      time.Time `json:"start"`
	DurationMS float64   `json:"duration_ms,omitempty"`
	Error      string    `json:"error,omitempty"`
}

type resultJSON struct {
	OK      bool     `json:"ok"`
	Step    string   `json:"step,omitempty"` // that failed
	Refusal *refusal `json:"refusal,omitempty"`
	Rotated bool     `json:"rotated"` // the refresh token
}

func (l *lie) json() *lieJSON { return &lieJSON{l.name, l.falsifies, l.document, l.check} }

func (rep *report) writeJSON(w io.Writer) error { return writeJSON(w, rep.json()) }

func (rep *report) json() reportJSON {
	doc := reportJSON{Issuer: rep.issuer, Application: rep.application, User: rep.user.Username, Steps: []stepJSON{}, Events: []eventJSON{},
		Result: resultJSON{OK: rep.failure == nil, Rotated: rep.rotated}}
	if rep.lie != nil {
		doc.Lie = rep.lie.json()
	}
	if rep.flow != nil {
		doc.Flow = rep.flow.json()
	}
	for _, s := range rep.steps {
		one := stepJSON{Name: s.name, OK: s.err == nil, Browser: []hopJSON{}}
		for _, h := range rep.hops {
			if h.Step == s.name {
				one.Browser = append(one.Browser, hopJSON{h.Method, h.Address, h.Status, h.Note, milliseconds(h.Duration)})
			}
		}
		doc.Steps = append(doc.Steps, one)
		if s.err != nil {
			doc.Result.Step, doc.Result.Refusal = s.name, explain(s.err)
		}
	}
	for _, e := range rep.entries {
		doc.Events = append(doc.Events, eventOf(e))
	}
	if rep.person != nil {
		doc.Claims = rep.person.tokens.IDToken.Payload()
		if rep.person.info != nil {
			doc.UserInfo = rep.person.info.Payload()
		}
		doc.Tokens = rep.person.facts(rep.at)
	}
	return doc
}

func eventOf(e entry) eventJSON {
	j := eventJSON{Step: e.Step, Kind: e.Kind, Flow: e.Flow, Document: e.Document, Name: e.Name, OK: e.Err == nil, Expected: e.Expected, Got: e.Got,
		Spec: e.Spec, Start: e.Start}
	if e.Kind == openid.EventExchange {
		j.DurationMS = milliseconds(e.Duration)
	}
	if e.Err != nil {
		j.Error = e.Err.Error()
	}
	return j
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
