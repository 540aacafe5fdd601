package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestProgressIsALineForEachEndAndOnATerminalWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	event := func(seconds int, id, status, reason string) cfntypes.StackEvent {
		at := began.Add(time.Duration(seconds) * time.Second)
		return cfntypes.StackEvent{LogicalResourceId: &id, ResourceType: aws.String("AWS::SQS::Queue"), ResourceStatus: cfntypes.ResourceStatus(status), ResourceStatusReason: &reason, Timestamp: &at}
	}
	show := func(live bool) string {
		var b strings.Builder
		p := &progress{w: &b, live: live, now: func() time.Time { return began.Add(2 * time.Second) }}
		p.event(event(0, "A", "CREATE_IN_PROGRESS", ""))
		p.event(event(1, "B", "CREATE_IN_PROGRESS", ""))
		p.event(event(3, "A", "CREATE_FAILED", "why"))
		p.event(event(4, "B", "CREATE_COMPLETE", ""))
		return b.String()
	}
	const a, b = "  CREATE_FAILED            AWS::SQS::Queue                      3.00 s  A  why\n", "  CREATE_COMPLETE          AWS::SQS::Queue                      3.00 s  B\n"
	if got := show(false); got != a+b {
		t.Errorf("to a file:\n%s", got)
	}
	const runA, runB = "  CREATE_IN_PROGRESS       AWS::SQS::Queue                      2.00 s  A\n", "  CREATE_IN_PROGRESS       AWS::SQS::Queue                      1.00 s  B\n"
	if got := show(true); got != runA+"\x1b[1A\x1b[J"+runA+runB+"\x1b[2A\x1b[J"+a+runB+"\x1b[1A\x1b[J"+b {
		t.Errorf("to a terminal:\n%q", got)
	}
}

func TestProgressOfManyResourcesFitsATerminal(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := &progress{w: &b, live: true, now: time.Now}
	for i := range maxLive + 2 {
		p.running = append(p.running, running{id: strings.Repeat("x", i+1)})
	}
	p.draw()
	if p.drawn != maxLive+1 || !strings.HasSuffix(b.String(), "  … and 2 more\n") {
		t.Errorf("%d lines:\n%s", p.drawn, b.String())
	}
}
