// Package web is what a web program has anyway: an HTTP server with cookies, forms and redirects, an HTTP client, and JSON both ways. Every
// program of cmd/size serves it, so that what a library adds is not hidden by what its program leaves out.
package web

import (
	"encoding/json"
	"log"
	"net/http"
	"time"
)

// Serve adds its pages to those of the program, and does not return.
func Serve() {
	http.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Expires: time.Now().Add(10 * time.Minute)})
		http.Redirect(w, r, "/visited", http.StatusFound)
	})
	http.HandleFunc("/visited", func(w http.ResponseWriter, r *http.Request) {
		visit, err := r.Cookie("visit")
		if err != nil {
			http.Error(w, "no visit", http.StatusBadRequest)
			return
		}
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://api.example.com/", nil)
		if err != nil {
			http.Error(w, "no request", http.StatusInternalServerError)
			return
		}
		res, err := http.DefaultClient.Do(request)
		if err != nil {
			http.Error(w, "no answer", http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		var answer struct {
			Name string `json:"name"`
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			http.Error(w, "no JSON", http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"visit": visit.Value, "name": answer.Name, "asked": r.FormValue("name")})
	})
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
