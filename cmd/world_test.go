package cmd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/narada-cli/narada/pkg/sandbox"
	"github.com/narada-cli/narada/pkg/tunnel/ngroktest"
)

// The API key and the authtoken of scripts. No output may contain them.
const (
	scriptKey   = "key-5cr1pt5-0nly"
	scriptToken = "t0ken-5cr1pt5-0nly"
)

type worldKey struct{}

// scriptWorld has the sandbox and the stand-in for ngrok of one script.
type scriptWorld struct {
	sandbox *sandbox.Server
	edge    *ngroktest.Edge
	binds   int            // at the edge, when the sessions were last dropped
	roots   *x509.CertPool // that the sandbox trusts
	closers []func()
}

func newScriptWorld() *scriptWorld { return &scriptWorld{roots: x509.NewCertPool()} }

func worldOf(ts *testscript.TestScript) *scriptWorld {
	return ts.Value(worldKey{}).(*scriptWorld)
}

func (w *scriptWorld) close() {
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i]()
	}
}

func scriptCloud(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	o := sandbox.Options{
		Addr: "127.0.0.1:0", Delay: 20 * time.Millisecond, APIKey: scriptKey,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}},
	}
	if len(args) > 0 {
		rules, err := sandbox.ParseRules([]byte(ts.ReadFile(args[0])))
		ts.Check(err)
		o.Rules, o.Delay = rules, 0
	}
	server, err := sandbox.Start(context.Background(), o)
	ts.Check(err)
	w.sandbox = server
	w.closers = append(w.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Close(ctx)
	})
	ts.Setenv("NARADA_API_BASE_URL", server.URL())
	ts.Setenv("NARADA_API_KEY", scriptKey)
}

func scriptCounts(ts *testscript.TestScript, _ bool, args []string) {
	stats := reflect.ValueOf(worldOf(ts).sandbox.Stats())
	for _, arg := range args {
		name, low, high := boundsOf(ts, arg)
		if got := stats.FieldByName(name).Int(); got < low || got > high {
			ts.Fatalf("%s is %d, want %s: %+v", name, got, arg, stats)
		}
	}
}

// boundsOf reads NAME=N or NAME=MIN-MAX.
func boundsOf(ts *testscript.TestScript, arg string) (name string, low, high int64) {
	name, want, _ := strings.Cut(arg, "=")
	least, most, isRange := strings.Cut(want, "-")
	if !isRange {
		most = least
	}
	low, err := strconv.ParseInt(least, 10, 64)
	ts.Check(err)
	high, err = strconv.ParseInt(most, 10, 64)
	ts.Check(err)
	return name, low, high
}

// scriptAwaits waits until scriptCounts would succeed.
func scriptAwaits(ts *testscript.TestScript, _ bool, args []string) {
	name, want, _ := strings.Cut(args[0], "=")
	ts.Check(eventually(func() bool {
		got := reflect.ValueOf(worldOf(ts).sandbox.Stats()).FieldByName(name).Int()
		return strconv.FormatInt(got, 10) == want
	}))
}

func scriptTasks(ts *testscript.TestScript, _ bool, _ []string) {
	for _, task := range worldOf(ts).sandbox.Tasks() {
		_, err := fmt.Fprintln(ts.Stdout(), string(task.Body))
		ts.Check(err)
	}
}

func scriptUploads(ts *testscript.TestScript, _ bool, _ []string) {
	for _, u := range worldOf(ts).sandbox.Uploads() {
		content, err := os.ReadFile(u.Path)
		ts.Check(err)
		_, err = fmt.Fprintf(ts.Stdout(), "%s %s %d %.60q\n", u.Key, u.Filename, u.Size, content)
		ts.Check(err)
	}
}

// oddAPIs are APIs with unusual answers.
var oddAPIs = map[string]http.HandlerFunc{
	"html": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Please log in</body></html>")
	},
	"truncated": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"requestId":"req_`) },
	"huge": func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	},
	"silent": func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client disconnects
		<-r.Context().Done()
	},
	"half": func(w http.ResponseWriter, r *http.Request) { // of an answer
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"requestId":"req_`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	},
	// It answers with the status that is in the path.
	"statuses": func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(path.Base(r.URL.Path))
		w.Header().Set("Location", "/moved/here?token=s3cret")
		w.WriteHeader(status)
	},
	"refused": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = io.WriteString(w, `{"detail":"Out of credits"}`)
	},
	"slow": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, `{"requestId":"req_slow"}`)
	},
	// It accepts the task, but never answers.
	"mute": func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"requestId":"req_mute"}`)
			return
		}
		status, _ := strconv.Atoi(r.Header.Get("x-api-key")[len(scriptKey):])
		w.WriteHeader(status)
	},
	"storage": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, `{"url":"http://%s/storage","fields":{"key":"k"}}`, r.Host)
	},
	"plain-storage": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"url":"http://storage.example/?sig=s1gnature","fields":{"key":"k"}}`)
	},
	// It sends a second answer, with the key, that nobody asked for.
	"unsolicited": func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		const answer = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
		body := `{"requestId":"req_odd"}`
		if r.Method == http.MethodGet {
			body = fmt.Sprintf(finished, "req_odd", "mine")
		}
		key, _ := json.Marshal(r.Header.Get("x-api-key"))
		_, _ = fmt.Fprintf(conn, answer+"HTTP/1.1 200 OK\r\nX-Key: %s\r\n\r\n\x1b", len(body), body, key)
		_, _ = io.Copy(io.Discard, conn) // until the client closes it
	},
	"escapes": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","response":{"text":"a\u001b]0;title\u0007b\u009bc"},"completedAt":"2026-01-01T00:00:00Z"}`)
	},
}

func scriptAPI(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	handler := oddAPIs[args[0]]
	if args[0] == "early" {
		handler = w.callsBackEarly
	}
	if args[0] == "tasks" {
		handler = (&taskAPI{world: w, tasks: map[string]*oddTask{}}).ServeHTTP
	}
	if args[0] == "growing" { // the file grows before it is read
		path := ts.MkAbs(args[1])
		handler = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/storage" {
				_ = os.WriteFile(path, []byte("one and two"), 0o600)
			}
			oddAPIs["storage"](w, r)
		}
	}
	if args[0] == "slow-session" { // a session takes a while to start
		handler = func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.HasSuffix(r.URL.Path, "stop-cloud-browser-session") {
				_ = os.WriteFile(ts.MkAbs("stopped"), body, 0o600)
				_, _ = io.WriteString(w, `{"success":true}`)
				return
			}
			_ = os.WriteFile(ts.MkAbs("started"), body, 0o600)
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(w, `{"session_id":"s-1","browser_window_id":"w-1"}`)
		}
	}
	if args[0] == "redirect" {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_ = os.WriteFile(ts.MkAbs("followed"), []byte(r.Header.Get("x-api-key")), 0o600)
		}))
		w.closers = append(w.closers, elsewhere.Close)
		handler = func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}
	}
	if handler == nil {
		ts.Fatalf("no API %q", args[0])
	}
	server := httptest.NewServer(handler)
	w.closers = append(w.closers, server.CloseClientConnections, server.Close)
	ts.Setenv("NARADA_API_BASE_URL", server.URL)
	ts.Setenv("NARADA_API_KEY", scriptKey)
}

// callsBackEarly sends the callback, and then answers the dispatch call with 503.
func (w *scriptWorld) callsBackEarly(rw http.ResponseWriter, r *http.Request) {
	var body callbackBody
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		return
	}
	w.callBack(body, fmt.Sprintf(finished, "req_early", "early"))
	rw.Header().Set("Retry-After", "1")
	rw.WriteHeader(http.StatusServiceUnavailable)
}

func scriptEdge(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	if w.edge == nil {
		startEdge(ts, w)
	}
	if len(args) == 0 {
		return
	}
	switch args[0] {
	case "refuse":
		w.edge.RefuseAuth(args[1], "")
	case "refuse-bind":
		w.edge.RefuseBind(args[1], "")
	case "pause":
		w.edge.Pause()
	case "resume":
		ts.Check(w.edge.Resume())
	case "silence":
		w.edge.Silence()
	case "drop":
		w.binds = w.edge.Binds()
		w.edge.DropSessions()
	case "rebound": // after a drop
		ts.Check(eventually(func() bool { return w.edge.Binds() > w.binds && w.edge.Online() > 0 }))
	case "stop":
		w.edge.StopEndpoint(args[1], "The endpoint was stopped.")
	case "policy":
		_, err := fmt.Fprintln(ts.Stdout(), w.edge.TrafficPolicy())
		ts.Check(err)
	case "none-online":
		ts.Check(eventually(func() bool { return w.edge.Online() == 0 }))
	default:
		ts.Fatalf("the edge does not know %q", args[0])
	}
}

func startEdge(ts *testscript.TestScript, w *scriptWorld) {
	edge, err := ngroktest.New(ngroktest.Options{})
	ts.Check(err)
	w.edge = edge
	w.closers = append(w.closers, edge.Close)
	w.roots.AppendCertsFromPEM(edge.CAPEM())
	ca := ts.MkAbs("edge-ca.pem")
	ts.Check(os.WriteFile(ca, edge.CAPEM(), 0o600))
	ts.Setenv("NGROK_AUTHTOKEN", scriptToken)
	ts.Setenv("NARADA_NGROK_CONNECT_URL", edge.ConnectURL())
	ts.Setenv("NARADA_NGROK_CONNECT_CAS", ca)
	ts.Setenv("SSL_CERT_FILE", ca) // for the listener, which calls its own address
}

// scriptPost sends a callback. SECRET in the body is replaced by the secret of the ready
// file. NAME=VALUE changes the method, the path, the type, or else the header NAME; an empty
// value removes it.
func scriptPost(ts *testscript.TestScript, _ bool, args []string) {
	var ready callbackTarget
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &ready))
	postCallback(ts, ready, args[1:])
}

// callbackTarget has the address and the credentials of a callback.
type callbackTarget struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
}

// scriptMisdeliver sends the callback of the newest task to the address of the ready file,
// which belongs to another listener.
func scriptMisdeliver(ts *testscript.TestScript, _ bool, args []string) {
	var listener callbackTarget
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &listener))
	tasks := worldOf(ts).sandbox.Tasks()
	var task struct {
		URL     string            `json:"callbackUrl"`
		Secret  string            `json:"callbackSecret"`
		Headers map[string]string `json:"callbackHeaders"`
	}
	ts.Check(json.Unmarshal(tasks[len(tasks)-1].Body, &task))
	own, err := url.Parse(task.URL)
	ts.Check(err)
	to, err := url.Parse(listener.URL)
	ts.Check(err)
	to.Path = own.Path
	postCallback(ts, callbackTarget{to.String(), task.Secret, task.Headers}, args[1:])
}

// postCallback sends a callback, as scriptPost describes it, and checks the status
// of the answer.
func postCallback(ts *testscript.TestScript, to callbackTarget, args []string) {
	body := strings.ReplaceAll(ts.ReadFile(args[1]), "SECRET", to.Secret)
	r, err := http.NewRequest(http.MethodPost, to.URL, strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	for name, value := range to.Headers {
		r.Header.Set(name, value)
	}
	for _, change := range args[2:] {
		name, value, _ := strings.Cut(change, "=")
		switch name {
		case "method":
			r.Method = value
		case "path":
			r.URL.Path = value
		default:
			r.Header.Set(name, value)
			if value == "" {
				r.Header.Del(name)
			}
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: worldOf(ts).roots}, DisableKeepAlives: true}}
	resp, err := client.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("status %d %s, want %s", resp.StatusCode, answer, args[0])
	}
	_, err = ts.Stdout().Write(answer)
	ts.Check(err)
}

// scriptCert writes cert.pem and key.pem for 127.0.0.1. The sandbox and the programs of the
// script trust the certificate.
func scriptCert(ts *testscript.TestScript, _ bool, _ []string) {
	certPEM, err := writeCert(ts.MkAbs("."))
	ts.Check(err)
	worldOf(ts).roots.AppendCertsFromPEM(certPEM)
	ts.Setenv("SSL_CERT_FILE", ts.MkAbs("cert.pem"))
}

// writeCert writes cert.pem, which it returns, and key.pem for 127.0.0.1.
func writeCert(dir string) (certPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"app.localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	return certPEM, errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), certPEM, 0o600), os.WriteFile(filepath.Join(dir, "key.pem"), keyPEM, 0o600))
}
