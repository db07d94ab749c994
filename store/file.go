package store

import (
	"errors"
	"fmt"
)

// File is a store in a directory, for the processes of one machine that run as one user. What lies in it is encrypted as [Sealed] says: at
// least one key of 32 random bytes is needed. Values survive a crash, of the machine too; a holder that died is known at once, one that was
// stopped is left to its lease.
//
// It does no I/O before the first step. The directory is made when it is missing, for its owner only; one that others can reach, or that
// somebody else owns, is refused. A full disk is [ErrFull]; a damaged or moved file is [ErrUnreadable], with its name, until Delete removes it.
//
// Limits: one machine, and a file system of its own: not NFS, SMB or another network file system. Containers may share a directory if they
// share the kernel. Not on Windows, Plan 9, AIX, Solaris or WebAssembly, where File returns an error. A step ends when the disk has
// answered, not when its context does; a process that is stopped in the milliseconds of a write keeps the others from one in 64 keys.
func File(dir string, keys ...[]byte) (*Store, error) {
	if err := fileSupported(); err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, fmt.Errorf("store: %w", errNoDir)
	}
	b, err := Sealed(NewFile(dir), keys...)
	if err != nil {
		return nil, err
	}
	return New(b, Options{}), nil
}

// NewFile is the backend of [File], for [Sealed] and Options of your own. By itself it encrypts nothing.
func NewFile(dir string) Backend { return newFile(dir) }

var errNoDir = errors.New("File: expected the name of a directory, got none")
