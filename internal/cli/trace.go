package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

// tracedThing is one answer of the inspection API's trace question.
type tracedThing struct {
	Thing    string          `json:"thing"`
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Backward json.RawMessage `json:"backward"`
	Forward  json.RawMessage `json:"forward"`
	Text     string          `json:"text"`
}

func (a *app) traceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trace RECORD|REQUEST-ID|TABLE/KEY",
		Short: "Print what caused a thing and what followed from it",
		Long: "Print what caused a thing and what followed from it. A thing is a record (shardId-000000000000:SEQUENCE), a request id or message id,\n" +
			"an item (table/{\"key\":{\"S\":\"…\"}}), or an object (bucket/key).",
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var found []tracedThing
			if err := a.inspect(c.Context(), "api/trace?id="+url.QueryEscape(args[0]), &found); err != nil {
				return err
			}
			return a.printer().Value(found, func(w io.Writer) {
				for _, t := range found {
					fmt.Fprintf(w, "%s %s of %s\n%s\n", t.Kind, t.Thing, t.Name, t.Text)
				}
			})
		},
	}
	a.clientFlags(c)
	return c
}

func (a *app) iamCommand() *cobra.Command {
	c := &cobra.Command{Use: "iam", Short: "Questions about permissions"}
	suggest := &cobra.Command{
		Use:   "suggest FUNCTION",
		Short: "Print the least policy that covers what a function has called",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := a.resolve(c.Context(), kindFunction, args[0])
			if err != nil {
				return err
			}
			arn, err := a.functionARN(c.Context(), name)
			if err != nil {
				return err
			}
			var doc json.RawMessage
			if err := a.inspect(c.Context(), "api/iam/suggest?function="+url.QueryEscape(arn), &doc); err != nil {
				return err
			}
			return a.printer().Value(doc, func(w io.Writer) {
				pretty, err := json.MarshalIndent(doc, "", "  ")
				if err != nil {
					pretty = doc
				}
				fmt.Fprintln(w, string(pretty))
			})
		},
	}
	a.clientFlags(suggest)
	c.AddCommand(suggest)
	return c
}
