package leattest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/leattest"
)

// acknowledged puts records until the platform is gone, and tells which were acknowledged.
func acknowledged(c *kinesis.Client, atLeast int, enough func()) (data []string) {
	for i := 0; ; i++ {
		x := fmt.Sprint(i)
		if put(context.Background(), c, "s", x) != nil {
			return data
		}
		data = append(data, x)
		if i == atLeast {
			enough()
		}
	}
}

func TestWhatWasAcknowledgedOutlastsPowerCutsAndKills(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*leattest.Platform){"power cut": (*leattest.Platform).CutPower, "kill": (*leattest.Platform).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := leattest.Start(t, leattest.Durable())
			createStream(t, p, "s")
			c := kinesis.NewFromConfig(once(p))
			var load sync.WaitGroup
			var acked []string
			under := make(chan struct{})
			load.Go(func() { acked = acknowledged(c, 20, func() { close(under) }) })
			<-under
			end(p)
			load.Wait()
			p.Restart()
			kept := map[string]bool{}
			for _, x := range records(t, kinesis.NewFromConfig(patient(p)), "s") {
				kept[x] = true
			}
			for _, x := range acked {
				if !kept[x] {
					t.Errorf("record %s of %d was acknowledged and is lost", x, len(acked))
				}
			}
			if err := put(t.Context(), kinesis.NewFromConfig(patient(p)), "s", "afterwards"); err != nil {
				t.Errorf("the platform does not go on: %v", err)
			}
		})
	}
}

func TestARestartKeepsTheAddresses(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.DataDir(t.TempDir()))
	createStream(t, p, "kept")
	url, registry := p.URL(), p.RegistryURL()
	p.Restart()
	if got := streams(t, p); len(got) != 1 {
		t.Errorf("streams %v", got)
	}
	if p.URL() != url || p.RegistryURL() != registry {
		t.Errorf("now at %s and %s", p.URL(), p.RegistryURL())
	}
}

func TestAPlatformInMemoryRefusesToRestart(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*leattest.Platform){
		"Restart": (*leattest.Platform).Restart, "CutPower": (*leattest.Platform).CutPower, "Kill": (*leattest.Platform).Kill,
		"SlowDisk": func(p *leattest.Platform) { p.SlowDisk(time.Second) }, "BreakDisk": func(p *leattest.Platform) { p.BreakDisk(syscall.EIO) },
	} {
		f := &failing{TB: t, ctx: t.Context()}
		func() {
			defer func() {
				if _, ok := recover().(stopped); !ok || !strings.Contains(f.said, "leattest.Durable()") {
					t.Errorf("%s: said %q", name, f.said)
				}
			}()
			do(leattest.Start(f))
		}()
	}
}

func TestASlowDiskHoldsAcknowledgementsUp(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.Durable())
	createStream(t, p, "s")
	c := kinesis.NewFromConfig(once(p))
	const sync = 50 * time.Millisecond
	p.SlowDisk(sync)
	began := time.Now()
	if err := put(t.Context(), c, "s", "x"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < sync {
		t.Errorf("a put took %v and cannot have waited for its sync", took)
	}
	p.Mend()
	if err := put(t.Context(), c, "s", "y"); err != nil {
		t.Error(err)
	}
}

func TestABrokenDiskIsNotWrittenToAgainBeforeARestart(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t, leattest.Durable())
	createStream(t, p, "s")
	c := kinesis.NewFromConfig(once(p))
	if err := put(t.Context(), c, "s", "before"); err != nil {
		t.Fatal(err)
	}
	p.BreakDisk(syscall.EIO)
	if err := put(t.Context(), c, "s", "lost"); err == nil {
		t.Error("a put was acknowledged by a broken disk")
	}
	p.Mend()
	if err := put(t.Context(), c, "s", "late"); err == nil {
		t.Error("a put was acknowledged though nobody knows what is on the disk")
	}
	p.Kill()
	p.Restart()
	c = kinesis.NewFromConfig(patient(p)) // connections of before are gone
	if err := put(t.Context(), c, "s", "after"); err != nil {
		t.Error(err)
	}
	if got := records(t, c, "s"); len(got) < 2 || got[0] != "before" || got[len(got)-1] != "after" {
		t.Errorf("the stream holds %v", got)
	}
}

func TestTimePassesAtOnce(t *testing.T) {
	t.Parallel()
	p := leattest.Start(t)
	c := sqs.NewFromConfig(p.Config())
	q, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"DelaySeconds": "900"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("patience")}); err != nil {
		t.Fatal(err)
	}
	receive := func(wait int32) int {
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: q.QueueUrl, WaitTimeSeconds: wait})
		if err != nil {
			t.Error(err)
			return 0
		}
		return len(out.Messages)
	}
	if n := receive(0); n != 0 {
		t.Fatalf("%d messages before their time", n)
	}
	before := p.Now()
	p.Advance(901 * time.Second)
	if got := p.Now().Sub(before); got < 901*time.Second {
		t.Errorf("the clock moved by %v", got)
	}
	leattest.Eventually(t, func(context.Context) error {
		if receive(1) == 0 {
			return errors.New("no message")
		}
		return nil
	})
}

func TestAClockOfTheTestsOwnIsNotAdvancedBehindItsBack(t *testing.T) {
	t.Parallel()
	f := &failing{TB: t, ctx: t.Context()}
	defer func() {
		if _, ok := recover().(stopped); !ok || !strings.Contains(f.said, "move that one") {
			t.Errorf("said %q", f.said)
		}
	}()
	leattest.Start(f, leattest.With(ownClock)).Advance(time.Second)
}
