package ngroktest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"

	"golang.ngrok.com/muxado/v2"
)

// The messages between agent and service are JSON documents on muxado streams of these
// types. Names and numbers as in
// golang.ngrok.com/ngrok/v2/internal/tunnel/proto/msg.go (v2.4.0).
const (
	authRequest       muxado.StreamType = 0
	bindRequest       muxado.StreamType = 1
	unbindRequest     muxado.StreamType = 2
	proxyRequest      muxado.StreamType = 3
	infoRequest       muxado.StreamType = 8
	stopTunnelRequest muxado.StreamType = 9
	heartbeat         muxado.StreamType = 0xFFFFFFFF
)

type auth struct {
	ClientID string `json:"ClientId"`
	Extra    struct {
		Authtoken string
		UserAgent string
		Cookie    string
	}
}

type authAnswer struct {
	Version string
	// ClientID is empty. Given one, the library has a data race: it writes a field
	// of its session that its heartbeat goroutine reads without a lock, which the
	// race detector reports 25 seconds after a lost connection. The cookie
	// identifies agents as well.
	ClientID string `json:"ClientId"`
	Error    string
	Extra    authAnswerExtra
}

type authAnswerExtra struct {
	Version        string
	Region         string
	Cookie         string
	AccountName    string
	PlanName       string
	AgentSessionID string
}

type bind struct {
	ID    string `json:"Id"`
	Proto string
	Opts  json.RawMessage
	Extra struct{ Token string }
}

type bindAnswer struct {
	ID    string `json:"Id"`
	URL   string
	Proto string
	Opts  json.RawMessage
	Error string
	Extra bindAnswerExtra
}

type bindAnswerExtra struct {
	Token    string
	TunnelID string
}

type unbind struct {
	ID string `json:"Id"`
}

type unbindAnswer struct{ Error string }

type infoAnswer struct{ Region string }

type stopTunnel struct {
	ID        string `json:"Id"`
	Message   string
	ErrorCode string
}

// proxyHeader precedes the bytes of a connection that the service forwards to an agent.
type proxyHeader struct {
	ID             string `json:"Id"`
	ClientAddr     string
	Proto          string
	EdgeType       string
	PassthroughTLS bool
}

// writeProxyHeader writes h after its length in eight bytes, little endian.
func writeProxyHeader(w io.Writer, h proxyHeader) error {
	doc, err := json.Marshal(h)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(doc))))
	b.Write(doc)
	_, err = w.Write(b.Bytes())
	return err
}
