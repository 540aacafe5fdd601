package trace

import (
	"fmt"
	"io"
	"strings"
)

// siblings is how many things of one hop are printed; of more only the number is told.
const siblings = 10

// Print writes a tree for people: one line a thing, beneath it what followed
// (or led to it), indented, with the call that made it so.
//
//	request 1f0c…
//	└─ Invoke 12:00:00.123  invocation 8d1e…  onboarding
//	   └─ PutRecords 12:00:00.140  record shardId-000000000000:4959…  customers
func Print(w io.Writer, root *Node) error {
	if _, err := fmt.Fprintln(w, describe(root)); err != nil {
		return err
	}
	return printHops(w, root, "")
}

// describe is a thing's line: its kind, what people call it, and where it is.
func describe(n *Node) string {
	line := n.Ref.Kind.String() + " " + n.Ref.String()
	if short := shortName(n.Ref.Name); short != "" {
		line += "  " + short
	}
	if n.Cut {
		line += "  …"
	}
	return line
}

// shortName is the last part of an ARN; of a table's stream, the table's name.
func shortName(arn string) string {
	table, _, changes := strings.Cut(arn, "/stream/")
	short := table[strings.LastIndexAny(table, ":/")+1:]
	if changes {
		short += " (changes)"
	}
	return short
}

func printHops(w io.Writer, n *Node, indent string) error {
	for i := range n.Hops {
		e := &n.Hops[i]
		shown := min(len(e.Nodes), siblings)
		for k, child := range e.Nodes[:shown] {
			branch, below := "├─ ", "│  "
			if i == len(n.Hops)-1 && k == len(e.Nodes)-1 {
				branch, below = "└─ ", "   "
			}
			call := e.Hop.Operation + " " + e.Hop.Time.Format("15:04:05.000")
			if e.Hop.Error != "" {
				call += " failed with " + e.Hop.Error
			}
			if _, err := fmt.Fprintf(w, "%s%s%s  %s\n", indent, branch, call, describe(child)); err != nil {
				return err
			}
			if err := printHops(w, child, indent+below); err != nil {
				return err
			}
		}
		if more := len(e.Nodes) - shown; more > 0 {
			if _, err := fmt.Fprintf(w, "%s└─ and %d more\n", indent, more); err != nil {
				return err
			}
		}
	}
	return nil
}
