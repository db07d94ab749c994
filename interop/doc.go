// Package interop holds tests only: our client against other people's providers, and other people's client against our
// provider. README.md says what judges what.
package interop
