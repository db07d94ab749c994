package main

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/openid-client/openid/login"
)

// withChi: the middleware is what chi's Use takes.
func withChi(web *login.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount("/auth", web)
	r.Group(func(r chi.Router) {
		r.Use(web.Require)
		r.Get("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			_, subject := login.UserFrom(r.Context()).Subject()
			_, _ = w.Write([]byte(subject + " " + chi.URLParam(r, "id")))
		})
	})
	return r
}
