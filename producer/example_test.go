package producer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/producer"
)

func Example() {
	ctx := context.Background()
	platform, err := leat.Open(ctx, leat.Options{Memory: true}) // or AWS itself
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = platform.Close(ctx) }()
	streams := kinesis.New(kinesis.Options{
		Region: platform.Region(), BaseEndpoint: aws.String(platform.URL()), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err = streams.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("payments"), ShardCount: aws.Int32(1)}); err != nil {
		log.Fatal(err)
	}

	p, err := producer.New(streams, producer.Options{Stream: "payments", Ordered: true})
	if err != nil {
		log.Fatal(err)
	}
	f, err := p.Put(ctx, producer.Record{PartitionKey: "ann", Data: []byte("hello")})
	if err != nil {
		log.Fatal(err) // it was not taken: closed, too large, or ctx has ended
	}
	if err := p.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	res, err := f.Wait(ctx)
	fmt.Println(res.ShardID, err)
	fmt.Println(p.Close(ctx))
	// Output:
	// shardId-000000000000 <nil>
	// <nil>
}
