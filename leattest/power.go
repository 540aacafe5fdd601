package leattest

import (
	"context"
	"net/url"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat"
)

// allSurvives is the share of unsynced writes that a killed process leaves to the operating system.
const allSurvives = 100

// Durable keeps the data on a disk in memory that behaves like a real one: what
// was not synced is gone after CutPower, and it may be slow or break. A
// platform without it, or a DataDir, forgets everything at Restart.
func Durable() Option {
	return func(o *leat.Options) {
		o.DataDir, o.Memory = "/leat", false
		o.FS = newDisk(vfs.NewCrashableMem())
	}
}

// theDisk is the disk of a durable platform.
func (p *Platform) theDisk(what string) *disk {
	p.tb.Helper()
	if p.disk == nil {
		p.tb.Fatalf("leattest: %s needs a platform that was started with leattest.Durable()", what)
	}
	return p.disk
}

// CutPower ends the platform as a power cut ends a machine: at once, in the middle of
// everything. Of what was not synced, nothing survives or a part, by chance. Restart goes on with what is left.
func (p *Platform) CutPower() {
	p.tb.Helper()
	const half = 50
	d := p.theDisk("CutPower")
	p.disk = d.cut(half * int(time.Now().UnixNano()%2)) // none of it, or about half
	p.options.FS = p.disk
	p.pull()
}

// Kill ends the platform as kill -9 ends a process: at once, but what it has
// written is in the hands of the operating system. Restart goes on with that.
func (p *Platform) Kill() {
	p.tb.Helper()
	d := p.theDisk("Kill")
	p.disk = d.cut(allSurvives)
	p.options.FS = p.disk
	p.pull()
}

// pull closes the platform without waiting for anybody. What it complains of is what was asked for.
func (p *Platform) pull() {
	p.down = true
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.Close(ctx)
}

// Restart opens the platform again, at the same addresses, after CutPower, Kill or Stop; one that
// still runs is stopped first. Clients that were made before go on working. Nothing else may use the Platform meanwhile.
func (p *Platform) Restart() {
	p.tb.Helper()
	if p.disk == nil && p.options.Memory {
		p.tb.Fatalf("leattest: a platform in memory has nothing to restart from: start it with leattest.Durable() or leattest.DataDir(dir)")
	}
	p.Stop()
	p.options.Addr, p.options.RegistryAddr = host(p.URL()), host(p.RegistryURL())
	next, err := leat.Open(p.tb.Context(), p.options)
	if err != nil {
		p.tb.Fatalf("leattest: restart: %v", err)
	}
	p.Platform, p.down = next, false
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // an address of our own
	}
	return u.Host
}

// SlowDisk makes every sync of the disk take so much longer, until Mend.
func (p *Platform) SlowDisk(d time.Duration) {
	p.tb.Helper()
	disk := p.theDisk("SlowDisk")
	disk.mu.Lock()
	defer disk.mu.Unlock()
	disk.slow = d
}

// BreakDisk lets every write to the disk fail, for example with syscall.EIO. The platform then
// refuses writes for good, also after Mend: what is on a disk that has failed is not known. Restart reads it anew.
func (p *Platform) BreakDisk(err error) {
	p.tb.Helper()
	disk := p.theDisk("BreakDisk")
	disk.mu.Lock()
	defer disk.mu.Unlock()
	disk.broke = err
}
