package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"
)

// maxPayloadBytes is Lambda's limit for a synchronous payload; we refuse to
// read more from a file or standard input.
const maxPayloadBytes = 6 << 20

// invokeResult is what `leat invoke --json` prints.
type invokeResult struct {
	StatusCode    int32           `json:"statusCode"`
	FunctionError string          `json:"functionError,omitempty"`
	Payload       json.RawMessage `json:"payload,omitempty"`
	Text          string          `json:"text,omitempty"` // a payload that is not JSON
	Log           string          `json:"log,omitempty"`
}

func (a *app) invokeCommand() *cobra.Command {
	var data string
	var async, showLog bool
	c := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "Invoke a function with a JSON event",
		Long:  "Invoke a function with a JSON event: --data '{…}', --data @FILE, or --data - for standard input.",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			payload, err := a.payload(data)
			if err != nil {
				return err
			}
			name, err := a.resolve(c.Context(), kindFunction, args[0])
			if err != nil {
				return err
			}
			return a.invoke(c.Context(), name, payload, async, showLog)
		},
	}
	c.Flags().StringVarP(&data, "data", "d", "{}", "the event: JSON, @FILE, or - for standard input")
	c.Flags().BoolVar(&async, "async", false, "queue the event and return at once")
	c.Flags().BoolVar(&showLog, "log", false, "print the last 4 KB of the log to standard error")
	a.clientFlags(c)
	return c
}

func (a *app) payload(data string) ([]byte, error) {
	var from io.Reader = strings.NewReader(data)
	switch {
	case data == "-":
		from = a.io.In
	case strings.HasPrefix(data, "@"):
		f, err := os.Open(data[1:])
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, maxPayloadBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxPayloadBytes {
		return nil, usageError{fmt.Errorf("the event is larger than %d bytes", maxPayloadBytes)}
	}
	if !json.Valid(b) {
		return nil, usageError{errors.New("the event is not valid JSON")}
	}
	return b, nil
}

func (a *app) invoke(ctx context.Context, name string, payload []byte, async, showLog bool) error {
	in := &lambda.InvokeInput{FunctionName: &name, Payload: payload}
	if async {
		in.InvocationType = types.InvocationTypeEvent
	} else {
		in.LogType = types.LogTypeTail
	}
	out, err := lambda.NewFromConfig(a.awsConfig()).Invoke(ctx, in)
	if err != nil {
		return a.explain(err)
	}
	res := invokeResult{StatusCode: out.StatusCode, FunctionError: aws.ToString(out.FunctionError)}
	if json.Valid(out.Payload) {
		res.Payload = out.Payload
	} else {
		res.Text = string(out.Payload)
	}
	if log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult)); err == nil && showLog {
		res.Log = string(log)
	}
	err = a.printer().Value(res, func(w io.Writer) {
		if res.Log != "" {
			fmt.Fprint(a.io.Err, res.Log)
		}
		if async {
			fmt.Fprintln(w, "queued")
			return
		}
		fmt.Fprintln(w, string(out.Payload))
	})
	if err == nil && res.FunctionError != "" {
		return fmt.Errorf("function %s failed (%s)", name, res.FunctionError)
	}
	return err
}
