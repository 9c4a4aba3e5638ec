//go:build !unix

package textfile

// nonBlocking is not needed: opening does not wait.
const nonBlocking = 0
