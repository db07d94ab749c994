// Package jose holds tests only: signed and encrypted tokens against Wycheproof's vectors, and against two libraries that share
// nothing with ours.
package jose
