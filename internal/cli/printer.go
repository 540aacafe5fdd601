package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printer is the one way out: with --json standard output carries JSON values,
// one a line, and nothing else; prose goes to standard error or nowhere.
type printer struct {
	out, err io.Writer
	json     bool
}

func (a *app) printer() *printer { return &printer{out: a.io.Out, err: a.io.Err, json: a.json} }

// Value prints v as one JSON line with --json, else text's lines.
func (p *printer) Value(v any, text func(io.Writer)) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(v)
	}
	text(p.out)
	return nil
}

// Textf prints prose for a person; --json drops it.
func (p *printer) Textf(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.out, format, args...)
	}
}

// Error prints a failure: prose, or {"error": …} with --json.
func (p *printer) Error(err error) {
	if p.json {
		_ = json.NewEncoder(p.out).Encode(map[string]string{"error": err.Error()})
		return
	}
	fmt.Fprintf(p.err, "leat: %s\n", err)
}

// table prints aligned columns under a header.
func table(w io.Writer, header []string, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	_ = tw.Flush()
}
