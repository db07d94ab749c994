package endpoint

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// One token request, beside what a caller would write with net/http alone.
// Both decode the answer in the same way; the difference is the exchange's.
func BenchmarkTokenRequest(b *testing.B) {
	const form = "grant_type=client_credentials&scope=accounts%3Aread+accounts%3Awrite"
	s := httptest.NewServer(answer(200, `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"scope":"accounts:read accounts:write"}`, "Content-Type", "application/json"))
	defer s.Close()
	type tokens struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}
	b.Run("bare", func(b *testing.B) {
		tr := http.DefaultTransport.(*http.Transport).Clone()
		defer tr.CloseIdleConnections()
		hc := &http.Client{Transport: tr}
		b.ReportAllocs()
		for b.Loop() {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(form))
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("client", "secret")
			resp, err := hc.Do(r)
			if err != nil {
				b.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			var t tokens
			if err != nil || json.Unmarshal(body, &t) != nil || t.AccessToken == "" {
				b.Fatal(err)
			}
		}
	})
	b.Run("endpoint", func(b *testing.B) {
		tr := NewTransport()
		defer tr.CloseIdleConnections()
		c := &Client{Transport: tr, AllowHTTP: true, UserAgent: "openid-bench/1"}
		u, _ := url.Parse(s.URL + "/token")
		auth := &http.Request{Header: http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			auth.SetBasicAuth("client", "secret")
			resp, err := c.Do(b.Context(), &Request{Method: http.MethodPost, URL: u, Header: auth.Header, Body: form, Accept: jsonOnly})
			var t tokens
			if err != nil || json.Unmarshal(resp.Body, &t) != nil || t.AccessToken == "" {
				b.Fatal(err)
			}
		}
	})
}
