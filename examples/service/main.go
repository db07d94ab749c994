// Command service calls an API for itself, authenticated by a signed assertion. Its token is fetched once and kept fresh.
package main

import (
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
	orders := client.TokenSource("orders", openid.ClientCredentials{Scope: []string{"orders:read"}}).HTTPClient("https://api.example")
	res, err := orders.Get("https://api.example/orders")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
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
