package contender

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/openid-client/openid/bench/fixture"
)

var xOAuth2 = Contender{Name: "x/oauth2", ClientCredentials: func(tokenURL string, hc *http.Client) (Obtain, error) {
	config := &clientcredentials.Config{ClientID: fixture.ClientID, ClientSecret: fixture.ClientSecret, TokenURL: tokenURL,
		Scopes: scopes, AuthStyle: oauth2.AuthStyleInHeader}
	return func(ctx context.Context) (string, error) {
		if hc != nil {
			ctx = context.WithValue(ctx, oauth2.HTTPClient, hc)
		}
		t, err := config.Token(ctx)
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}, nil
}, Kept: xKept, Login: xLogin, Resume: xResume}

func xKept() (Obtain, error) {
	config := &oauth2.Config{ClientID: fixture.ClientID}
	source := config.TokenSource(context.Background(), &oauth2.Token{AccessToken: "access", RefreshToken: "refresh", Expiry: time.Now().Add(24 * time.Hour)})
	return obtained(source), nil
}

func obtained(source oauth2.TokenSource) Obtain {
	return func(context.Context) (string, error) {
		t, err := source.Token()
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}
}

// The library keeps nothing. This is what programs write around it: a file of JSON, and a source that writes it again when the token changes.
func xLogin(dir, _, refreshToken string) error {
	return xWrite(dir, &oauth2.Token{AccessToken: "old", RefreshToken: refreshToken, Expiry: time.Now().Add(-time.Hour)})
}

func xWrite(dir string, t *oauth2.Token) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "token.json"), text, 0o600)
}

func xResume(dir, tokenURL string, hc *http.Client) (Obtain, error) {
	text, err := os.ReadFile(filepath.Join(dir, "token.json"))
	if err != nil {
		return nil, err
	}
	first := new(oauth2.Token)
	if err := json.Unmarshal(text, first); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if hc != nil {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, hc)
	}
	config := &oauth2.Config{ClientID: fixture.ClientID, Endpoint: oauth2.Endpoint{TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	return obtained(&writing{dir: dir, next: config.TokenSource(ctx, first), last: first.AccessToken}), nil
}

type writing struct {
	dir  string
	next oauth2.TokenSource
	mu   sync.Mutex
	last string
}

func (w *writing) Token() (*oauth2.Token, error) {
	t, err := w.next.Token()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.AccessToken != w.last {
		if err := xWrite(w.dir, t); err != nil {
			return nil, err
		}
		w.last = t.AccessToken
	}
	return t, nil
}
