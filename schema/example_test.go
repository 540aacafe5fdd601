package schema_test

import (
	"fmt"
	"log"

	"github.com/leatdev/leat/schema"
)

// A field without a default cannot be added: who reads old records would not know what to put there.
func ExampleCompatible() {
	parse := func(fields string) *schema.Schema {
		s, err := schema.Parse(schema.Avro, `{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"}`+fields+`]}`, nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	old := parse("")
	for _, next := range []*schema.Schema{parse(`,{"name":"fee","type":"long","default":0}`), parse(`,{"name":"fee","type":"long"}`)} {
		broken := schema.Compatible(schema.Backward, next, old)
		fmt.Println(len(broken))
		for _, b := range broken {
			fmt.Println(b.Type, b.Path)
		}
	}
	// Output:
	// 0
	// 1
	// READER_FIELD_MISSING_DEFAULT_VALUE /fields/1
}
