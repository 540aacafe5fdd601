package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// progress shows the resources of a deploy as they come to their ends, one line
// each. On a terminal those under way stand below, with the time they have taken so far.
type progress struct {
	w       io.Writer
	live    bool // w is a terminal
	now     func() time.Time
	running []running
	drawn   int // lines of the live part that stand on the terminal
}

type running struct {
	id, kind, status string
	began            time.Time
}

// maxLive bounds the lines of the live part, so that it fits a terminal.
const maxLive = 12

// event takes one event of the stack, or of one of its resources.
func (p *progress) event(e cfntypes.StackEvent) {
	id, status := aws.ToString(e.LogicalResourceId), string(e.ResourceStatus)
	at := slices.IndexFunc(p.running, func(r running) bool { return r.id == id })
	if strings.HasSuffix(status, "_IN_PROGRESS") {
		if at < 0 {
			p.running = append(p.running, running{id, aws.ToString(e.ResourceType), status, aws.ToTime(e.Timestamp)})
		} else {
			p.running[at].status = status // rolling back, cleaning up
		}
		p.draw()
		return
	}
	elapsed := 0.0
	if at >= 0 {
		elapsed = aws.ToTime(e.Timestamp).Sub(p.running[at].began).Seconds()
		p.running = slices.Delete(p.running, at, at+1)
	}
	reason := ""
	if r := aws.ToString(e.ResourceStatusReason); r != "" {
		reason = "  " + r
	}
	p.erase()
	p.line(status, aws.ToString(e.ResourceType), elapsed, id+reason)
	p.draw()
}

func (p *progress) line(status, kind string, seconds float64, rest string) {
	fmt.Fprintf(p.w, "  %-24s %-34s %6.2f s  %s\n", status, kind, seconds, rest)
}

// draw shows what is under way; it is called again and again while nothing happens.
func (p *progress) draw() {
	if !p.live {
		return
	}
	p.erase()
	for i, r := range p.running {
		if i == maxLive {
			fmt.Fprintf(p.w, "  … and %d more\n", len(p.running)-maxLive)
			p.drawn++
			break
		}
		p.line(r.status, r.kind, max(0, p.now().Sub(r.began).Seconds()), r.id)
		p.drawn++
	}
}

// erase takes the live part away.
func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}
