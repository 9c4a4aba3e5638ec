package tunnel

import (
	"context"
	"log/slog"

	"github.com/narada-cli/narada/pkg/secret"
)

// quiet is the log handler for the ngrok library. The library logs as errors what
// its user cannot act on (each failed reconnection, and, 25 seconds after a
// connection is lost, a "heartbeat timeout" of that old connection), and its
// refusals repeat the authtoken. Therefore everything is masked, at level Debug.
type quiet struct {
	next slog.Handler
	mask *secret.Masker
}

func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.next.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, slog.LevelDebug, "ngrok: "+q.mask.Mask(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(q.attr(a))
		return true
	})
	return q.next.Handle(ctx, clean)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = q.attr(a)
	}
	return quiet{q.next.WithAttrs(clean), q.mask}
}

func (q quiet) WithGroup(name string) slog.Handler {
	return quiet{q.next.WithGroup(name), q.mask}
}

// attr converts every value to masked text: the next handler would format a struct
// or an error too late to mask it.
func (q quiet) attr(a slog.Attr) slog.Attr {
	return slog.String(a.Key, q.mask.Mask(a.Value.Resolve().String()))
}
