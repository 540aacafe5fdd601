package sqs_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/service/sqs"
)

// onDisk opens a service on the machine's disk, with a queue.
func onDisk(b *testing.B) (*sqs.Service, *string) {
	b.Helper()
	store, err := pebblekv.Open(context.Background(), pebblekv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	s, err := sqs.Open(context.Background(), sqs.Options{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(); _ = store.Close() })
	out, err := s.CreateQueue(ctx(), &sdk.CreateQueueInput{QueueName: aws.String("bench")})
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	return s, out.QueueUrl
}

func BenchmarkSend(b *testing.B) {
	s, q := onDisk(b)
	body := "a message of an ordinary length, as they come"
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: &body}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkReceiveAndDelete(b *testing.B) {
	s, q := onDisk(b)
	body := "a message of an ordinary length, as they come"
	for range b.N {
		if _, err := s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: q, MessageBody: &body}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: q})
			if err != nil || len(out.Messages) == 0 {
				b.Errorf("%v %v", out, err)
				return
			}
			if _, err := s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: q, ReceiptHandle: out.Messages[0].ReceiptHandle}); err != nil {
				b.Error(err)
			}
		}
	})
}
