package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
			"an item (table/KEY, table/PARTITION/SORT, or table/{\"key\":{\"S\":\"…\"}}), or an object (bucket/key). A table may be named by its key in the template.",
		Args: exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			thing, err := a.traced(c.Context(), args[0])
			if err != nil {
				return err
			}
			var found []tracedThing
			if err := a.inspect(c.Context(), "api/trace?id="+url.QueryEscape(thing), &found); err != nil {
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

// traced writes an item as traces have it: what is typed as table/KEY or table/PARTITION/SORT becomes
// the table's name and the key in DynamoDB's JSON. Whatever names no table is left as it is.
func (a *app) traced(ctx context.Context, typed string) (string, error) {
	name, key, ok := strings.Cut(typed, "/")
	if !ok || name == "" || key == "" || strings.HasPrefix(key, "{") {
		return typed, nil
	}
	table, err := a.resolve(ctx, kindTable, name)
	if errors.As(err, new(absentError)) {
		return typed, nil // an object's bucket, say
	}
	if err != nil {
		return "", err
	}
	out, err := dynamodb.NewFromConfig(a.awsConfig()).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return "", a.explain(err)
	}
	schema, values := out.Table.KeySchema, []string{key}
	if len(schema) > 1 {
		partition, sort, ok := strings.Cut(key, "/")
		if !ok {
			return "", usageError{fmt.Errorf("the items of %s have two keys, %s and %s: write %s/PARTITION/SORT", table, *schema[0].AttributeName, *schema[1].AttributeName, name)}
		}
		values = []string{partition, sort}
	}
	item := map[string]map[string]string{}
	for i, k := range schema {
		typ := dynamodbtypes.ScalarAttributeTypeS
		for _, d := range out.Table.AttributeDefinitions {
			if *d.AttributeName == *k.AttributeName {
				typ = d.AttributeType
			}
		}
		item[*k.AttributeName] = map[string]string{string(typ): values[i]}
	}
	raw, err := json.Marshal(item) // the names in order, as traces have them
	return table + "/" + string(raw), err
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
