package cmd

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptBalancer starts a load balancer with the certificate of cert, at $BALANCER, before
// the addresses $BACKEND1 to $BACKENDN.
func scriptBalancer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	var backends []string
	for i := range count {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		backends = append(backends, free.Addr().String())
		ts.Check(free.Close())
		ts.Setenv(fmt.Sprint("BACKEND", i+1), backends[i])
	}
	server, err := startBalancer(ts.MkAbs("."), backends...)
	ts.Check(err)
	worldOf(ts).closers = append(worldOf(ts).closers, server.Close)
	ts.Setenv("BALANCER", server.URL)
}

// startBalancer starts a load balancer with the certificate of writeCert in the folder. It
// sends requests in turn to those of the addresses that answer a GET of /health with 200.
func startBalancer(dir string, backends ...string) (*httptest.Server, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	var turn atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range backends {
			to := &url.URL{Scheme: "http", Host: backends[int(turn.Add(1))%len(backends)]}
			answer, err := (&http.Client{Transport: transport}).Get(to.JoinPath("health").String())
			if err == nil {
				_ = answer.Body.Close()
			}
			if err == nil && answer.StatusCode == http.StatusOK {
				proxy := httputil.NewSingleHostReverseProxy(to)
				proxy.Transport, proxy.ErrorLog = transport, log.New(io.Discard, "", 0)
				proxy.ServeHTTP(w, r)
				return
			}
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	return server, nil
}
