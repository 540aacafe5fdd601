package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

const preamble = `# Parity ledger

What every operation promises and where it differs from AWS. This page is generated from the comments above the
handlers and the parity.go of each room by ` + "`make ledger`" + `; a test keeps it current. "Differs" is empty where we know of no difference.
`

func render(rooms []room) []byte {
	var b bytes.Buffer
	b.WriteString(preamble)
	b.WriteString("\n| API | operations | absent |\n|---|---|---|\n")
	for _, r := range rooms {
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d |\n", r.Name, r.Name, len(r.Operations), len(r.Absent))
	}
	for _, r := range rooms {
		fmt.Fprintf(&b, "\n## %s\n", r.Name)
		if len(r.Operations) > 0 {
			b.WriteString("\n| operation | promise | differs |\n|---|---|---|\n")
		}
		for _, o := range r.Operations {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", o.Name, cell(o.Promise), cell(o.Differs))
		}
		writeAbsent(&b, r.Absent)
	}
	return b.Bytes()
}

func writeAbsent(b *bytes.Buffer, absent map[string]string) {
	if len(absent) == 0 {
		return
	}
	names := make([]string, 0, len(absent))
	for n := range absent {
		names = append(names, n)
	}
	sort.Strings(names)
	b.WriteString("\n| absent | reason |\n|---|---|\n")
	for _, n := range names {
		fmt.Fprintf(b, "| %s | %s |\n", n, cell(absent[n]))
	}
}

// cell keeps a text inside one cell of a Markdown table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
