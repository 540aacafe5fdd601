package kpl_test

import (
	"fmt"
	"log"

	"github.com/leatdev/leat/kpl"
)

func Example() {
	agg := kpl.NewAggregator(0, 0)
	for _, text := range []string{"one", "two"} {
		if err := agg.Add(kpl.UserRecord{PartitionKey: "ann", Data: []byte(text)}); err != nil {
			log.Fatal(err) // kpl.ErrFull: drain, and add it again
		}
	}
	record, _ := agg.Drain()
	users, aggregated := kpl.Deaggregate(record.PartitionKey, record.Data)
	fmt.Println(aggregated)
	for _, u := range users {
		fmt.Printf("%s %s\n", u.PartitionKey, u.Data)
	}
	// Output:
	// true
	// ann one
	// ann two
}
