// Package leattest gives a test a private Leat platform:
//
//	func TestOrders(t *testing.T) {
//		p := leattest.Start(t)
//		client := kinesis.NewFromConfig(p.Config())
//		…
//	}
//
// A platform is in memory, listens on free ports of the loopback interface, and
// ends with its test. It starts in milliseconds, so that every test may have its own and run in parallel.
//
// # Faults
//
// What a network, a disk or AWS itself may do to a system can be done to it on purpose:
//
//	p.Throttle("kinesis:PutRecords", 3)       // the next three are refused as AWS throttles
//	p.Fail("dynamodb:*", leattest.InternalError, leattest.Always)
//	p.LoseReplies("sqs:SendMessage", 1)       // done, but the connection breaks: does the caller repeat it?
//	p.Delay("glue:GetSchemaVersion", time.Second, 1)
//	p.Advance(24 * time.Hour)                 // time passes at once
//
// and, on a platform that was started with leattest.Durable():
//
//	p.SlowDisk(50 * time.Millisecond)         // every sync takes longer
//	p.BreakDisk(syscall.EIO)
//	p.CutPower()                              // what was not synced is gone, or part of it
//	p.Kill()                                  // as kill -9
//	p.Restart()
//
// # Functions
//
// Platform.Function makes a function of a closure. It runs in a process of its own, which is
// the test's binary started anew, and counts as any other function: it is scaled, retried, frozen, traced.
package leattest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/internal/sdkhttp"
)

// closeTimeout bounds the draining at the end of a test.
const closeTimeout = 30 * time.Second

// Platform is a running platform and what a test needs to reach it.
type Platform struct {
	*leat.Platform
	tb      testing.TB
	options leat.Options
	faults  *faults
	disk    *disk // of Durable
	clock   *movable
	down    bool // stopped, killed or without power
	relay   relay
}

// Option changes the platform before it starts.
type Option func(*leat.Options)

// With changes any of the platform's options: a clock, a data directory that
// outlives the platform, limits, access keys.
func With(change func(*leat.Options)) Option { return change }

// DataDir keeps the data in dir, durably, instead of in memory. A second Start
// with the same dir, after Stop, goes on where the first one ended.
func DataDir(dir string) Option {
	return func(o *leat.Options) { o.DataDir, o.Memory = dir, false }
}

// Start opens a platform that is closed when the test ends. Its log goes to the test's.
func Start(tb testing.TB, opts ...Option) *Platform {
	tb.Helper()
	out := &Platform{tb: tb, faults: &faults{}, clock: newMovable()}
	o := leat.Options{
		Memory: true, Version: "test", Clock: out.clock, Faults: out.faults.ask,
		Logger: slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, opt := range opts {
		opt(&o)
	}
	if d, ok := o.FS.(*disk); ok {
		out.disk = d
		if o.FilesDir == "" {
			o.FilesDir = tb.TempDir()
		}
	}
	p, err := leat.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("leattest: %v", err)
	}
	out.Platform, out.options = p, o
	tb.Cleanup(out.Stop)
	return out
}

// Advance lets so much time pass at once on the platform: records age, messages become visible,
// items expire, windows end. A negative duration sets its clock back.
func (p *Platform) Advance(d time.Duration) {
	p.tb.Helper()
	if p.options.Clock != p.clock {
		p.tb.Fatalf("leattest: the platform has a clock of the test's own: move that one")
	}
	p.clock.advance(d)
}

// Now is the platform's time.
func (p *Platform) Now() time.Time { return p.options.Clock.Now() }

// Stop closes the platform before the test ends: what is under way ends first.
// Calling it again does nothing.
func (p *Platform) Stop() {
	p.tb.Helper()
	if p.down {
		return
	}
	p.down = true
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		p.tb.Errorf("leattest: %v", err)
	}
}

// Config is an SDK configuration that points at the platform, with the
// credentials of an administrator.
func (p *Platform) Config() aws.Config {
	return p.ConfigFor("test", "test", "")
}

// ConfigFor is Config with other credentials.
func (p *Platform) ConfigFor(accessKeyID, secret, sessionToken string) aws.Config {
	return aws.Config{
		Region:       p.Region(),
		HTTPClient:   sdkhttp.Client(),
		BaseEndpoint: aws.String(p.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, sessionToken),
	}
}

// testWriter is a test's log as a writer. Lines that come after the end of
// the test are dropped: testing panics on them.
type testWriter struct{ tb testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if w.tb.Context().Err() == nil {
		w.tb.Logf("%s", b)
	}
	return len(b), nil
}
