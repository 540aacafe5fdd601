// Command serdetool lets programs in other languages check the package serde:
// each line of its input asks it to encode or to decode one value, and each line
// of its output answers, in the same order.
//
//	{"op":"encode","type":"AVRO","schema":"…","topic":"payments","value":{…}}  ->  {"data":"<base64>"}
//	{"op":"decode","type":"AVRO","data":"<base64>"}  ->  {"value":{…},"format":"Confluent","payload":"<base64>"}
//
// A line that cannot be served is answered {"error":"…"}.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// maxLine bounds a request; the largest record of the suites is far smaller.
const maxLine = 16 << 20

// request is one line of input.
type request struct {
	Op         string             `json:"op"`
	Type       schema.Type        `json:"type"`
	Schema     string             `json:"schema"`
	References []schema.Reference `json:"references"`
	Topic      string             `json:"topic"`
	Format     string             `json:"format"` // confluent, glue or jsonnode; "" is the registry's own
	Compress   bool               `json:"compress"`
	Message    string             `json:"message"`
	Value      json.RawMessage    `json:"value"`
	Data       []byte             `json:"data"`
}

// reply is one line of output.
type reply struct {
	Data    []byte          `json:"data,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Format  string          `json:"format,omitempty"`
	Payload []byte          `json:"payload,omitempty"`
	Error   string          `json:"error,omitempty"`
}

func main() {
	confluent := flag.String("confluent", "", "URL of a Confluent registry")
	endpoint := flag.String("glue", "", "URL of a Glue endpoint")
	name := flag.String("glue-registry", "default-registry", "the registry there")
	flag.Parse()
	reg, err := open(*confluent, *endpoint, *name)
	if err == nil {
		err = serve(context.Background(), reg, os.Stdin, os.Stdout)
	}
	if err != nil {
		log.Fatal("serdetool: ", err)
	}
}

// open connects to the one registry that is named.
func open(confluent, endpoint, name string) (registry.Registry, error) {
	switch {
	case confluent != "" && endpoint == "":
		return registry.Confluent(confluent), nil
	case endpoint != "" && confluent == "":
		client := glue.New(glue.Options{
			Region:       "us-east-1",
			BaseEndpoint: aws.String(endpoint),
			Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		})
		return registry.Glue(client, registry.GlueRegistry(name)), nil
	}
	return nil, errors.New("give one of -confluent and -glue")
}

// serve answers lines until the input ends.
func serve(ctx context.Context, reg registry.Registry, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	enc := json.NewEncoder(out)
	for lines.Scan() {
		var req request
		var rep reply
		err := json.Unmarshal(lines.Bytes(), &req)
		if err == nil {
			rep, err = handle(ctx, reg, req)
		}
		if err != nil {
			rep = reply{Error: err.Error()}
		}
		if err := enc.Encode(rep); err != nil {
			return err
		}
	}
	return lines.Err()
}

// handle encodes or decodes one value. Values travel as JSON text, whatever the
// language of their schema.
func handle(ctx context.Context, reg registry.Registry, req request) (reply, error) {
	opts, err := options(req)
	if err != nil {
		return reply{}, err
	}
	s, err := serde.New[json.RawMessage](reg, opts...)
	if err != nil {
		return reply{}, err
	}
	switch req.Op {
	case "encode":
		data, err := s.Encode(ctx, req.Topic, req.Value)
		return reply{Data: data}, err
	case "decode":
		d, err := s.DecodeDetail(ctx, req.Data)
		if err != nil {
			return reply{}, err
		}
		return reply{Value: d.Value, Format: d.Format.String(), Payload: d.Payload}, nil
	}
	return reply{}, fmt.Errorf("unknown op %q", req.Op)
}

// options are those of serde that a request asks for.
func options(req request) ([]serde.Option, error) {
	var opts []serde.Option
	if req.Schema != "" {
		opts = append(opts, serde.Schema(req.Type, req.Schema, req.References...))
	}
	if req.Message != "" {
		opts = append(opts, serde.Message(req.Message))
	}
	if req.Compress {
		opts = append(opts, serde.Compress())
	}
	switch strings.ToLower(req.Format) {
	case "":
	case "confluent":
		opts = append(opts, serde.WireFormat(serde.Confluent))
	case "glue":
		opts = append(opts, serde.WireFormat(serde.Glue))
	case "jsonnode":
		opts = append(opts, serde.WireFormat(serde.JSONNode))
	default:
		return nil, fmt.Errorf("unknown format %q", req.Format)
	}
	return opts, nil
}
