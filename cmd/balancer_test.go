package cmd

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptBalancer starts a load balancer with the certificate of cert, at $BALANCER. It sends
// requests in turn to the addresses $BACKEND1 to $BACKENDN, as far as they answer a GET of
// /health with 200.
func scriptBalancer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("wrong use: see TestScripts")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	var proxies []*httputil.ReverseProxy
	var health []string
	for i := range count {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		address := free.Addr().String()
		ts.Check(free.Close())
		ts.Setenv(fmt.Sprint("BACKEND", i+1), address)
		proxies = append(proxies, httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address}))
		health = append(health, "http://"+address+"/health")
	}
	var turn atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range count {
			i := int(turn.Add(1)) % count
			answer, err := http.Get(health[i])
			if err == nil {
				_ = answer.Body.Close()
			}
			if err == nil && answer.StatusCode == http.StatusOK {
				proxies[i].ServeHTTP(w, r)
				return
			}
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	pair, err := tls.LoadX509KeyPair(ts.MkAbs("cert.pem"), ts.MkAbs("key.pem"))
	ts.Check(err)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	worldOf(ts).closers = append(worldOf(ts).closers, server.Close)
	ts.Setenv("BALANCER", server.URL)
}
