package engine

import (
	"bufio"
	"crypto/sha256"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/narada-cli/narada/pkg/narada"
	"github.com/narada-cli/narada/pkg/secret"
	"github.com/narada-cli/narada/pkg/store"
)

// Delivery is a callback to be stored.
type Delivery struct {
	Op     *store.Deliver
	ID     string            // request ID
	Digest [sha256.Size]byte // of the body as received
	Header string            // masked, as EncodeHeader
	Body   []byte            // masked, its secret null

	// Set by the engine.
	Seq   int64
	Ended bool // the task has an earlier final callback
}

// NewDelivery prepares the callback of the op; mask masks secrets in its header.
func NewDelivery(op *store.Deliver, mask func(string) string) (*Delivery, error) {
	body, err := op.Result.BodyWithSecret("")
	if err != nil {
		return nil, err
	}
	header := EncodeHeader(secret.MaskHeader(op.Header, op.Ticket.Header, mask))
	return &Delivery{Op: op, ID: op.Result.RequestID, Digest: sha256.Sum256(op.Body), Header: header, Body: body}, nil
}

// Entry returns the callback once it is stored.
func (d *Delivery) Entry() store.Entry {
	return store.Entry{Seq: d.Seq, Path: d.Op.Ticket.Path, ReceivedAt: d.Op.ReceivedAt, Result: d.Op.Result, Further: d.Ended}
}

// EncodeHeader returns the header in HTTP/1.1 format.
func EncodeHeader(header http.Header) string {
	var b strings.Builder
	_ = header.Write(&b) // a Builder does not fail
	return b.String()
}

// DecodeHeader is the reverse of EncodeHeader. The error is a *store.DamagedError.
func DecodeHeader(text string) (http.Header, error) {
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		return nil, &store.DamagedError{Err: err}
	}
	return http.Header(header), nil
}

// Used returns what the task of the result used, 0 for what is not a count.
func Used(r *narada.Result) (actions, microcredits int64) {
	if r.Usage == nil {
		return 0, 0
	}
	return min(max(int64(r.Usage.Actions), 0), store.MaxUsed), store.Microcredits(r.Usage.Credits)
}
