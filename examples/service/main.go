// Command service obtains a token for itself, authenticated by a signed assertion.
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"os"

	"github.com/openid-client/openid"
)

func main() {
	key, err := load("client.pem")
	if err != nil {
		log.Fatal(err)
	}
	client, err := openid.New(openid.Config{
		Issuer:   "https://op.example",
		ClientID: "service",
		Auth:     openid.PrivateKeyJWT(key, "2026-11"), // any crypto.Signer: a KMS or an HSM as well
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := client.Tokens(context.Background(), openid.ClientCredentials{Scope: []string{"orders:read"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens) // describes, never shows
}

func load(name string) (crypto.Signer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds no signing key", name)
	}
	return signer, nil
}
