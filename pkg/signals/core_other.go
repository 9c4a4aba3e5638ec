//go:build !unix

package signals

func withoutCore() {}
