// Command produce makes clicks and sends them to a stream:
//
//	go run ./examples/clickstream/produce -clicks 10000 -rate 500
//
// It finds the platform as every SDK does (AWS_ENDPOINT_URL, AWS_REGION, credentials)
// and prints, as JSON, what it sent.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/producer"
)

// click is the message.
type click struct {
	ID   string    `json:"id"`
	User string    `json:"user"`
	Page string    `json:"page"`
	At   time.Time `json:"at"`
}

// summary is what is printed in the end.
type summary struct {
	Sent    int64   `json:"sent"`
	Failed  int64   `json:"failed"`
	Seconds float64 `json:"seconds"`
}

type settings struct {
	stream, prefix string
	clicks, pages  int
	rate           float64
}

func main() {
	log.SetFlags(0)
	var s settings
	flag.StringVar(&s.stream, "stream", "clicks", "the stream to send to")
	flag.StringVar(&s.prefix, "prefix", "click", "what the ids of the clicks begin with")
	flag.IntVar(&s.clicks, "clicks", 1000, "how many clicks to make")
	flag.IntVar(&s.pages, "pages", 50, "on how many pages")
	flag.Float64Var(&s.rate, "rate", 100, "clicks per second; 0 is as fast as possible")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	sum, err := run(ctx, s)
	if err != nil {
		log.Fatal("produce: ", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(sum); err != nil {
		log.Fatal(err)
	}
	if sum.Failed > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (summary, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return summary{}, err
	}
	var sent, failed atomic.Int64
	p, err := producer.New(kinesis.NewFromConfig(cfg), producer.Options{
		Stream: s.stream,
		// Long enough to outlast a restart of the other side.
		Attempts: 30,
		OnDelivered: func(_ producer.Record, _ producer.Result, err error) {
			if err != nil {
				log.Printf("a click was not delivered: %v", err)
				failed.Add(1)
				return
			}
			sent.Add(1)
		},
	})
	if err != nil {
		return summary{}, err
	}
	start := time.Now()
	err = makeClicks(ctx, p, s, start)
	// What was put before an error or Ctrl-C is still sent.
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = errors.Join(err, p.Close(flush))
	return summary{sent.Load(), failed.Load(), time.Since(start).Seconds()}, err
}

// makeClicks clicks at an even rate, on a few pages often and on many seldom; after a delay it catches up.
func makeClicks(ctx context.Context, out *producer.Producer, s settings, start time.Time) error {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, uint64(s.clicks))), 1.2, 1, uint64(max(s.pages, 1)-1))
	for i := range s.clicks {
		if s.rate > 0 {
			due := start.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return nil
			}
		}
		c := click{ID: fmt.Sprintf("%s-%06d", s.prefix, i), User: fmt.Sprintf("user-%04d", rand.IntN(5000)), Page: fmt.Sprintf("/page/%d", zipf.Uint64()), At: time.Now().UTC()}
		data, err := json.Marshal(c)
		if err != nil {
			return err
		}
		// By user: a page may be popular, and one shard must not get all of its clicks.
		if _, err := out.Put(ctx, producer.Record{PartitionKey: c.User, Data: data}); err != nil {
			return err
		}
	}
	return nil
}
