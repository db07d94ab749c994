package main

import (
	"errors"
	"fmt"

	"github.com/openid-client/openid"
)

// A refusal says who said no, and why: an error of the library, in columns.
type refusal struct {
	Check    string `json:"check,omitempty"` // empty when it was the provider who refused
	Document string `json:"document"`
	Expected string `json:"expected,omitempty"`
	Got      string `json:"got,omitempty"`
	Spec     string `json:"spec,omitempty"`
	Message  string `json:"message"`
}

// checkAnswer is what this command calls the rules of the exchange itself: media type, size, no redirect.
const checkAnswer = "answer"

func explain(err error) *refusal {
	r := &refusal{Message: err.Error()}
	var (
		verification *openid.VerificationError
		exchange     *openid.ExchangeError
		response     *openid.ResponseError
	)
	switch {
	case errors.As(err, &verification):
		r.Document, r.Check, r.Spec = verification.Document, verification.Check, verification.Spec
		r.Expected, r.Got = verification.Expected, verification.Got
	case errors.As(err, &exchange):
		r.Document, r.Check = exchange.Endpoint+" endpoint", checkAnswer
		r.Expected, r.Got = exchange.Expected, exchange.Got
		if r.Expected == "" {
			r.Expected, r.Got = "an answer", "none"
		}
	case errors.As(err, &response):
		r.Document, r.Got = response.Endpoint+" endpoint", string(response.Code)
	default:
		r.Document = "application"
	}
	return r
}

func (r *refusal) String() string {
	if r.Check == "" {
		return r.Message
	}
	s := fmt.Sprintf("refused by check %q of %s: expected %s, got %s", r.Check, r.Document, r.Expected, r.Got)
	if r.Spec != "" {
		s += " (" + r.Spec + ")"
	}
	return s
}
