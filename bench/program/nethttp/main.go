// Command nethttp is what a web program has anyway: an HTTP server with cookies and redirects, an HTTP client, and JSON.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"time"
)

func main() {
	http.HandleFunc("/visit", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Expires: time.Now().Add(10 * time.Minute)})
		http.Redirect(w, r, "/", http.StatusFound)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
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
