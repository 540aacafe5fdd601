package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/wire"
)

// client serves the world over HTTP and gives an unmodified SDK client of it.
func (w *world) client() *sdk.Client {
	w.t.Helper()
	srv, err := wire.NewServer(wire.Options{Services: []wire.Service{{Model: "lambda", Operations: w.s.Operations()}}})
	if err != nil {
		w.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	w.t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return sdk.New(sdk.Options{
		Region: region, HTTPClient: sdkhttp.Client(), BaseEndpoint: awssdk.String("http://" + ln.Addr().String()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// TestASessionOfTheSDK makes every call over the wire, and each once so that it fails.
func TestASessionOfTheSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.client(), context.Background()
	created, err := c.CreateEventSourceMapping(ctx, &sdk.CreateEventSourceMappingInput{
		FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionAtTimestamp, StartingPositionTimestamp: ptr(epoch.Add(-time.Hour)),
		BatchSize: ptr(int32(10)), BisectBatchOnFunctionError: ptr(true), MaximumRetryAttempts: ptr(int32(0)), MaximumRecordAgeInSeconds: ptr(int32(60)),
		FilterCriteria:    &types.FilterCriteria{Filters: []types.Filter{{Pattern: ptr(`{"data":{"a":[1]}}`)}}},
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: ptr(dlqARN)}}, Tags: map[string]string{"a": "b"},
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *created.State != "Creating" || !created.StartingPositionTimestamp.Equal(epoch.Add(-time.Hour)) || !created.LastModified.Equal(epoch) || *created.MaximumRetryAttempts != 0 {
		t.Errorf("created %+v", created)
	}
	got, err := c.GetEventSourceMapping(ctx, &sdk.GetEventSourceMappingInput{UUID: created.UUID})
	if err != nil || *got.State != "Enabled" || *got.FilterCriteria.Filters[0].Pattern != `{"data":{"a":[1]}}` || *got.FunctionArn != fnARN {
		t.Errorf("got %+v, %v", got, err)
	}
	w.kinesis.put("shard-0", `{"a":1}`)
	w.want(`{"a":1}`).ok("")
	list, err := c.ListEventSourceMappings(ctx, &sdk.ListEventSourceMappingsInput{EventSourceArn: ptr(streamARN), FunctionName: ptr("handler"), MaxItems: ptr(int32(1))})
	if err != nil || len(list.EventSourceMappings) != 1 || list.NextMarker != nil {
		t.Errorf("listed %+v, %v", list, err)
	}
	updated, err := c.UpdateEventSourceMapping(ctx, &sdk.UpdateEventSourceMappingInput{UUID: created.UUID, Enabled: ptr(false), FilterCriteria: &types.FilterCriteria{}})
	if err != nil || *updated.State != "Disabling" || updated.FilterCriteria != nil {
		t.Errorf("updated %+v, %v", updated, err)
	}
	w.eventually("disabled", func() bool { return *w.get(*created.UUID).State == "Disabled" })
	deleted, err := c.DeleteEventSourceMapping(ctx, &sdk.DeleteEventSourceMappingInput{UUID: created.UUID})
	if err != nil || *deleted.State != "Deleting" {
		t.Errorf("deleted %+v, %v", deleted, err)
	}
	nothing := ptr("00000000-0000-4000-8000-000000000000")
	_, errGet := c.GetEventSourceMapping(ctx, &sdk.GetEventSourceMappingInput{UUID: nothing})
	_, errUpdate := c.UpdateEventSourceMapping(ctx, &sdk.UpdateEventSourceMappingInput{UUID: nothing})
	_, errDelete := c.DeleteEventSourceMapping(ctx, &sdk.DeleteEventSourceMappingInput{UUID: nothing})
	_, errCreate := c.CreateEventSourceMapping(ctx, &sdk.CreateEventSourceMappingInput{FunctionName: ptr("nobody"), EventSourceArn: ptr(streamARN), StartingPosition: "LATEST"})
	for _, err := range []error{errGet, errUpdate, errDelete, errCreate} {
		var notFound *types.ResourceNotFoundException
		if !errors.As(err, &notFound) {
			t.Errorf("error is %v", err)
		}
	}
	var e smithy.APIError
	_, err = c.CreateEventSourceMapping(ctx, &sdk.CreateEventSourceMappingInput{FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), BatchSize: ptr(int32(10_001)), StartingPosition: "LATEST"})
	if !errors.As(err, &e) || e.ErrorCode() == "" {
		t.Errorf("error is %v", err)
	} else {
		b, _ := json.Marshal(e.ErrorMessage())
		t.Logf("a batch too large: %s %s", e.ErrorCode(), b)
	}
}
