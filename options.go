package leat

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
)

// The addresses a platform listens on unless told otherwise.
const (
	DefaultAddr         = "127.0.0.1:4566" // all AWS APIs
	DefaultRegistryAddr = "127.0.0.1:8081" // the Confluent Schema Registry API
)

// Clock is the time the platform lives by; see Options.Clock.
type Clock = clock.Clock

// Options say what to open. The zero value is a platform in memory on any free
// ports of the loopback interface, which accepts any credentials.
type Options struct {
	// DataDir holds everything the platform keeps. Empty, or Memory: nothing is
	// kept after Close.
	DataDir string
	// Memory keeps everything in memory: what was acknowledged does not survive.
	Memory bool

	// Addr is where all AWS APIs listen, RegistryAddr where the Confluent Schema Registry API does.
	// Empty means a free port of 127.0.0.1; see DefaultAddr and DefaultRegistryAddr.
	Addr, RegistryAddr string
	// TLS, if set, serves both addresses over TLS.
	TLS *tls.Config

	// AccessKeys maps access key ids to secrets. With any, every request must be
	// signed by one of them (or by a key that IAM or STS made), and /_leat/ and the
	// registry ask for one by HTTP basic authentication. Without any, callers are
	// administrators, and only loopback addresses may be bound.
	AccessKeys map[string]string

	// Account (12 digits) and Region of callers that name none; the defaults are
	// 000000000000 and us-east-1.
	Account, Region string

	// Limits enforces AWS's published limits on rates and throughput. The
	// default is not to throttle.
	Limits bool

	// Sandbox is how function instances are kept apart: "auto" (the default),
	// "off" or "strict"; docs/functions.md says what each protects from.
	Sandbox string
	// NoFreeze leaves instances running between invocations instead of stopping
	// them as AWS does.
	NoFreeze bool

	// TableShardPeriod is how long a shard of a table's change stream takes records
	// before a child replaces it, a second or more; 0 is four hours, as on AWS.
	TableShardPeriod time.Duration

	// Version is what health and the banner report.
	Version string
	// Logger hears of failures; nil discards.
	Logger *slog.Logger

	// Clock and FS are the door for tests: another time, a file system that
	// loses what was not synced. Nil means the machine's own. With FS, DataDir is a path on it.
	Clock Clock
	FS    vfs.FS
	// FilesDir holds, where FS is set, what functions need as files of the machine.
	// Empty: a temporary directory, which Close removes.
	FilesDir string
	// Faults, if set, is asked what goes wrong with each call of an AWS API. It must be
	// safe for concurrent use. Object bodies, function URLs, the gateway and the
	// registry's REST API are not calls in this sense.
	Faults func(Call) Fault
}

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// normalize fills in defaults and refuses contradictions.
func (o *Options) normalize() error {
	if o.DataDir == "" {
		o.Memory = true
	}
	for _, d := range []struct {
		to    *string
		value string
	}{
		{&o.Addr, "127.0.0.1:0"}, {&o.RegistryAddr, "127.0.0.1:0"}, {&o.Account, aws.DefaultAccount}, {&o.Region, aws.DefaultRegion}, {&o.Sandbox, "auto"},
	} {
		if *d.to == "" {
			*d.to = d.value
		}
	}
	if !accountPattern.MatchString(o.Account) {
		return fmt.Errorf("account %q is not 12 digits", o.Account)
	}
	if o.TableShardPeriod != 0 && o.TableShardPeriod < time.Second {
		return fmt.Errorf("shards of tables cannot be replaced every %v: the shortest period is a second", o.TableShardPeriod)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	for _, addr := range []string{o.Addr, o.RegistryAddr} {
		if err := o.mayBind(addr); err != nil {
			return err
		}
	}
	return nil
}

// ErrOpenToNetwork is returned for an address that others can reach while no
// access keys guard it.
var ErrOpenToNetwork = errors.New("an address that is not loopback needs access keys")

func (o *Options) mayBind(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", addr, err)
	}
	ip := net.ParseIP(host)
	if host == "localhost" || (ip != nil && ip.IsLoopback()) || len(o.AccessKeys) > 0 {
		return nil
	}
	return fmt.Errorf("%w: %s can be reached from other machines; configure at least one (--access-key ID:SECRET or LEAT_ACCESS_KEYS), or bind 127.0.0.1", ErrOpenToNetwork, addr)
}
